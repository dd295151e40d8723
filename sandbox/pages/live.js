// Keeps the lists fresh, and sends the forms as JSON without leaving the page. Without it the forms of the shell
// still work, and the page is renewed by hand.
"use strict";
const lists = document.getElementById("lists");
const said = document.getElementById("said");
let last = "";

async function refresh() {
  const answer = await fetch("/_/lists");
  if (!answer.ok) return;
  const html = await answer.text();
  if (html !== last) lists.innerHTML = last = html;
}

function fields(form) {
  const found = {};
  for (const one of form.elements) {
    if (!one.name) continue;
    if (one.type === "checkbox") { if (one.checked) found[one.name] = true; continue; }
    const value = one.value.trim();
    if (value) found[one.name] = one.type === "number" ? Number(value) : value;
  }
  return found;
}

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  try {
    const answer = await fetch(form.action, { method: "POST", headers, body: JSON.stringify(fields(form)) });
    const text = await answer.text();
    said.textContent = `${new URL(form.action).pathname}: ${answer.status} ${text.slice(0, 300)}`;
    await refresh();
  } catch (error) {
    said.textContent = `The sandbox does not answer: ${error.message}`;
  }
});

setInterval(() => { if (!document.hidden) refresh().catch((error) => { said.textContent = `The sandbox does not answer: ${error.message}`; }); }, 2000);
