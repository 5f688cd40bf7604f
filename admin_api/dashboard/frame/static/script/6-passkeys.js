// Passkeys: a form fetches what is to be signed, the browser asks its owner, and the form is sent with the answer.
function toBytes(text) {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
}

function toText(bytes) {
  return btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function withBytes(options) {
  const known = (list) => (list || []).map((one) => ({ ...one, id: toBytes(one.id) }));
  const read = { ...options, challenge: toBytes(options.challenge) };
  if (options.user) read.user = { ...options.user, id: toBytes(options.user.id) };
  if (options.excludeCredentials) read.excludeCredentials = known(options.excludeCredentials);
  if (options.allowCredentials) read.allowCredentials = known(options.allowCredentials);
  return read;
}

function asJson(made) {
  const names = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const given = names.filter((name) => made.response[name]).map((name) => [name, toText(made.response[name])]);
  return JSON.stringify({ id: made.id, rawId: toText(made.rawId), type: made.type, response: Object.fromEntries(given) });
}

async function usePasskey(form) {
  const response = await fetch(form.dataset.options, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (!(response.headers.get("Content-Type") || "").startsWith("application/json")) {
    if (new URL(response.url).pathname.endsWith("/login")) location.assign(response.url);
    else show({ page: new DOMParser().parseFromString(await response.text(), "text/html"), response });
    return;
  }
  const publicKey = withBytes(await response.json());
  form.elements.credential.value = asJson(await navigator.credentials[form.dataset.passkey]({ publicKey }));
  if (form.elements.password) form.elements.password.value = "";
  form.submit();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-passkey]")) return;
  event.preventDefault();
  if (form.dataset.sending) return;
  form.dataset.sending = "yes";
  usePasskey(form).catch((error) => {
    failed(form, event.submitter);
    const known = error.name === "InvalidStateError" ? "This device has a passkey for you already." : "No passkey was used. Try again.";
    form.querySelector(".unsent").textContent = error instanceof TypeError ? "The server did not answer. Try again." : known;
  });
});

function preparePasskeys() {
  const able = Boolean(window.PublicKeyCredential);
  document.querySelectorAll("[data-passkey], [data-passkey-only]").forEach((part) => { part.hidden = !able; });
}
