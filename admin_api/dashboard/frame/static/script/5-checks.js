// Ask until a domain's check is done, then show what it found. Only what turns is replaced: something may be typed beside.
async function watchCheck() {
  const running = document.querySelector("[data-checking]");
  if (!running) return;
  await new Promise((done) => setTimeout(done, 1000));
  if (!running.isConnected) return;
  try {
    const { page } = await fetchPage(location.href);
    if (page.getElementById("check-state") && !page.querySelector("[data-checking]")) return turn(page);
  } catch { /* asked again */ }
  return watchCheck();
}

function turn(page) {
  const focused = document.activeElement && document.activeElement.id;
  page.querySelectorAll("[data-turns]").forEach((after) => {
    const before = document.getElementById(after.id);
    if (before && before.innerHTML !== after.innerHTML) before.replaceChildren(...document.adoptNode(after).childNodes);
  });
  dress();
  if (focused && document.getElementById(focused)) document.getElementById(focused).focus({ preventScroll: true });
}
