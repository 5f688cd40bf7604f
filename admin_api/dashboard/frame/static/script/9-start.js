// What a page needs when it is shown, the first and any later one.
function prepare() {
  dress();
  watch();
  watchCheck();
}

function dress() {
  document.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = !navigator.clipboard; });
  document.querySelectorAll("time[datetime]").forEach((time) => { time.title = new Date(time.dateTime).toLocaleString(); });
}

prepare();
const current = document.querySelector(".bar nav [aria-current]");
if (current) current.scrollIntoView({ block: "nearest", inline: "center" });
