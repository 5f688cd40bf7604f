// The question before deleting as a dialog, copying, and menus that close.
async function openDialog(link) {
  const { page } = await fetchPage(link.href);
  const content = page.querySelector("[data-dialog-content]");
  if (!content) throw new Error("no question");
  openQuestion(content, link);
}

// Show a question, or the form in it, again with what is wrong; the focus goes back to what opened it.
function openQuestion(content, opener) {
  const before = document.querySelector("dialog[open]");
  const from = before && before.contains(opener) ? before.opener : opener;
  if (before) before.remove();
  const dialog = document.createElement("dialog");
  dialog.opener = from;
  dialog.setAttribute("aria-labelledby", content.querySelector("h1").id);
  const first = takeAutofocus(content);
  dialog.append(document.adoptNode(content));
  dialog.addEventListener("close", () => { dialog.remove(); if (from) from.focus(); });
  document.querySelector("main").append(dialog);
  dialog.showModal();
  const wanted = dialog.querySelector("[aria-invalid]") || first;
  if (wanted) wanted.focus();
}

document.addEventListener("click", (event) => {
  const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) && event.button === 0;
  const link = event.target.closest("a[data-dialog]");
  const cancel = event.target.closest("dialog [data-cancel]");
  const copy = event.target.closest("[data-copy]");
  if (link && plain) {
    event.preventDefault();
    openDialog(link).catch(() => location.assign(link.href));
  } else if (cancel && plain) {
    event.preventDefault();
    cancel.closest("dialog").close();
  } else if (copy) {
    navigator.clipboard.writeText(copy.dataset.copy).then(() => { copy.firstChild.data = "Copied"; }, () => {});
  } else if (!event.target.closest(".menu")) {
    document.querySelectorAll(".menu[open]").forEach((menu) => menu.removeAttribute("open"));
  }
});
