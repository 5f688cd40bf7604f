// Ask until the mail server knows the change. Only the words are replaced: something may be typed beside them.
async function watch() {
  const pending = document.querySelector("[data-pending]");
  if (!pending) return;
  await new Promise((done) => setTimeout(done, 1000));
  if (!pending.isConnected) return;
  try {
    const found = (await fetchPage(pending.dataset.pending || location.href)).page.getElementById("progress");
    if (found && pending.isConnected && !found.matches("[data-pending]")) pending.replaceWith(document.adoptNode(found));
  } catch { /* asked again */ }
  watch();
}
