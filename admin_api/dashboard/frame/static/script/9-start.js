// What a page needs when it is shown, the first and any later one.
function prepare() {
  document.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = !navigator.clipboard; });
  document.querySelectorAll("time[datetime]").forEach((time) => { time.title = new Date(time.dateTime).toLocaleString(); });
  preparePasskeys();
  watch();
}

prepare();
