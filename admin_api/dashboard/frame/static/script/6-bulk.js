// Bulk: what is pasted outlives a session that ends; a file that is at work is looked at until it is done.
"use strict";

const PASTED = "byname-bulk"; // in the tab's own storage

function keepPasted(text) {
  try {
    if (text) sessionStorage.setItem(PASTED, text);
    else sessionStorage.removeItem(PASTED);
  } catch { /* too long for it: Back still has it */ }
}

document.addEventListener("input", (event) => {
  if (event.target.matches("form[data-kept] textarea")) keepPasted(event.target.value);
});

document.addEventListener("submit", (event) => {
  if (/\/sign-out(-everywhere)?$/.test(event.target.getAttribute("action") || "")) keepPasted("");
});

function restorePasted() {
  const field = document.querySelector("form[data-kept] textarea");
  if (field && !field.value) field.value = sessionStorage.getItem(PASTED) || "";
  if (document.getElementById("import")) keepPasted(""); // it has arrived
}

async function poll() {
  const place = document.querySelector("[data-poll]");
  if (!place) return;
  await new Promise((done) => setTimeout(done, 1000));
  if (!place.isConnected) return;
  try {
    const { page, response } = await fetchPage(location.href);
    if (response.url !== location.href) {
      location.reload(); // to sign in again
      return;
    }
    const found = page.getElementById("import");
    if (found && place.isConnected) {
      const held = place.contains(document.activeElement);
      place.replaceWith(document.adoptNode(found));
      document.title = page.title;
      if (held) document.querySelector("main").focus({ preventScroll: true });
      if (!found.matches("[data-poll]")) {
        say(found.querySelector("h1").textContent);
        prepare();
        return;
      }
    }
  } catch { /* asked again */ }
  poll();
}

document.addEventListener("shown", () => {
  restorePasted();
  poll();
});
