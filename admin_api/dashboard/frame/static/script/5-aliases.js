// The Aliases tab: whether a name is free, told while one types; rows that are searched and ticked; addresses that copy.
"use strict";

// Something short that is shown and read out.
function say(words) {
  let place = document.getElementById("said");
  if (!place) {
    place = document.createElement("p");
    place.id = "said";
    place.className = "hidden";
    place.setAttribute("role", "status");
    document.body.append(place);
  }
  place.textContent = words;
}

const checking = { timer: 0, stale: new AbortController() };

function checkSoon(form) {
  clearTimeout(checking.timer);
  checking.stale.abort();
  const place = form.querySelector(".checked");
  form.querySelectorAll(":scope > .wrong:not(.checked)").forEach((note) => note.remove()); // it spoke of what stood there before
  form.querySelectorAll(".pair [aria-invalid]").forEach((field) => field.removeAttribute("aria-invalid"));
  if (!form.elements.local_part.value) {
    place.hidden = true;
    return;
  }
  checking.stale = new AbortController();
  checking.timer = setTimeout(() => check(form, place, checking.stale.signal), 300);
}

async function check(form, place, signal) {
  const asked = new URLSearchParams({ local_part: form.elements.local_part.value, domain_id: form.elements.domain_id.value });
  if (asked.get("local_part").length > 1000) asked.set("local_part", asked.get("local_part").slice(0, 1000));
  try {
    const { page } = await fetchPage(`${form.dataset.check}?${asked}`, { signal });
    const answer = page.getElementById("check");
    if (signal.aborted || !answer) return;
    place.hidden = false;
    place.className = `checked ${answer.className}`;
    place.replaceChildren(...document.adoptNode(answer).childNodes);
  } catch { /* Add Alias asks again */ }
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-check]");
  if (form && event.target.matches("#local_part, #domain_id")) checkSoon(form);
  if (event.target.matches("[data-filter]")) filter(event.target);
});

document.addEventListener("submit", () => {
  clearTimeout(checking.timer);
  checking.stale.abort();
});

// Show the rows that hold what is searched for.
function filter(field) {
  const wanted = field.value.trim().toLowerCase();
  const rows = [...document.querySelectorAll(`#${field.dataset.filter} tbody tr`)];
  for (const row of rows) row.hidden = !row.querySelector(".address").textContent.toLowerCase().includes(wanted);
  const left = rows.filter((row) => !row.hidden).length;
  document.getElementById("filtered").textContent = wanted ? `${left} of ${rows.length} shown` : "";
  count();
}

const boxes = () => [...document.querySelectorAll(".rows tbody input[name=alias_id]")];

function count() {
  const place = document.querySelector(".ticked .count");
  if (!place) return;
  const ticked = boxes().filter((box) => box.checked);
  const shown = boxes().filter((box) => !box.closest("tr").hidden);
  const here = shown.filter((box) => box.checked).length;
  const words = `${ticked.length} ticked${ticked.length > here ? `, ${ticked.length - here} not shown` : ""}`;
  if (place.textContent !== words) place.textContent = words;
  const every = document.getElementById("tick-all");
  if (!every) return;
  every.checked = here > 0 && here === shown.length;
  every.indeterminate = here > 0 && here < shown.length;
}

document.addEventListener("change", (event) => {
  if (event.target.id === "tick-all") {
    boxes().forEach((box) => { box.checked = event.target.checked && !box.closest("tr").hidden; });
  }
  if (event.target.matches(".tick input")) count();
});

// What was ticked and searched for stays so when one row was changed.
let kept = null;
document.addEventListener("submit", (event) => {
  if (!event.target.matches(".rows") || !event.submitter || event.submitter.name !== "row") return;
  kept = { ids: boxes().filter((box) => box.checked).map((box) => box.value), search: document.getElementById("search")?.value };
}, true);

function keep() {
  if (kept) boxes().forEach((box) => { box.checked = box.checked || kept.ids.includes(box.value); });
  const field = document.querySelector("[data-filter]");
  if (kept && kept.search && field) {
    field.value = kept.search;
    filter(field);
  }
  kept = null;
}

function tickAll() {
  const head = document.querySelector(".rows thead .tick");
  if (!head) return;
  head.innerHTML = '<label><input type="checkbox" id="tick-all" aria-label="Tick all that are shown"></label>';
}

function makeCopying(text) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = text.className;
  button.id = text.id;
  const address = text.title || text.textContent; // read before its nodes move
  button.title = text.title ? `${text.title}, click copies` : "Click copies";
  button.append(...text.childNodes); // with the places where it may be broken
  button.dataset.address = address;
  text.replaceWith(button);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copies");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.address);
  } catch {
    say("The browser did not let it be copied");
    return;
  }
  button.classList.add("done");
  say(`${button.textContent} is copied`);
  setTimeout(() => button.classList.remove("done"), 2000);
});

document.addEventListener("shown", () => {
  if (navigator.clipboard) document.querySelectorAll("span.copies").forEach(makeCopying);
  tickAll();
  keep();
  count();
});
