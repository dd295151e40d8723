// A link of Supabase's own letters ends here with its result behind the "#", some errors behind the "?". The form below hands it over by POST, so
// that it is in no log, and the address bar and the history lose it.
const given = new URLSearchParams(location.hash.slice(1) || location.search);
const form = document.getElementById("result");
if (["access_token", "error", "error_code", "message"].some((name) => given.has(name))) {
  history.replaceState(null, "", location.pathname);
  for (const field of form.elements) field.value = given.get(field.name) ?? "";
  form.submit();
} else if (form.dataset.elsewhere === undefined) {
  document.getElementById("overview").hidden = false;
}
