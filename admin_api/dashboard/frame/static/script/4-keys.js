// Single keys.
const KEYS = "byname-keys"; // in the browser's own storage: "off" switches single keys off

function typing(element) {
  return element.closest("input:not([type=checkbox]), select, textarea, dialog") !== null;
}

function showKeys() {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", "Keys");
  dialog.innerHTML = `<section class="card"><h1>Keys</h1><dl><dt><kbd>/</kbd></dt><dd>search</dd><dt><kbd>n</kbd></dt>
    <dd>New Alias, or what else the page makes</dd><dt><kbd>Esc</kbd></dt><dd>close</dd><dt><kbd>?</kbd></dt><dd>this list</dd></dl>
    <label class="check"><input type="checkbox"> Single keys switched on</label>
    <form method="dialog" class="choices"><button>Close</button></form></section>`;
  const box = dialog.querySelector("input");
  box.checked = localStorage.getItem(KEYS) !== "off";
  box.addEventListener("change", () => localStorage.setItem(KEYS, box.checked ? "on" : "off"));
  dialog.addEventListener("close", () => dialog.remove());
  document.querySelector("main").append(dialog);
  dialog.showModal();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelectorAll(".menu[open]").forEach((menu) => menu.removeAttribute("open"));
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (localStorage.getItem(KEYS) === "off") return;
  if (event.key === "?") showKeys();
  const search = document.getElementById("search");
  const form = document.getElementById("new");
  if (event.key === "/" && search) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "n" && form) {
    event.preventDefault();
    form.open = true;
    firstField(form).focus();
  }
});

// They can be switched on again where they are switched off: in the menu.
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-keys]")) showKeys();
});

function firstField(form) {
  return form.querySelector("input:not([type=hidden]), select");
}

document.addEventListener("toggle", (event) => {
  if (document.readyState !== "complete") return; // open from the start: the browser gives the focus, and says so if we did
  const corrected = event.target.querySelector("[aria-invalid]"); // has the focus already
  if (event.target.id === "new" && event.target.open && !corrected) firstField(event.target).focus({ preventScroll: true });
}, true);
