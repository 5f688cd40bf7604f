// What a page needs when it is shown, the first and any later one.
function prepare() {
  dress();
  watch();
  watchCheck();
  document.dispatchEvent(new Event("shown"));
}

function dress() {
  document.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = !navigator.clipboard; });
  document.querySelectorAll("[data-keys]").forEach((button) => { button.hidden = false; });
  document.querySelectorAll("time[datetime]").forEach((time) => { time.title = new Date(time.dateTime).toLocaleString(); });
  document.querySelectorAll("nav [aria-current]").forEach(({ parentElement: nav, offsetLeft }) => {
    nav.scrollLeft = offsetLeft - nav.offsetLeft - nav.clientWidth / 3; // a row of links that is wider than a phone
  });
  preparePasskeys();
}

prepare();
