"use strict";
// The page sends the picture to its own server, asks how far the work is, and shows before and after.
const at = id => document.getElementById(id);
const key = document.body.dataset.key;
const url = path => `${path}?key=${encodeURIComponent(key)}`;
let picture = null, round = 0;

function say(text, error = false) {
  at("message").textContent = text;
  at("message").className = error ? "error" : "";
}

async function ask(path, options) {
  try {
    const answer = await fetch(url(path), options);
    if (!answer.ok) throw new Error(answer.status);
    return await answer.json();
  } catch (error) {
    return { error: "The server does not answer. Start `ipe-sr app` again and reload this page." };
  }
}

async function open(file) {
  const mine = ++round;
  at("result").hidden = at("progress").hidden = true;
  at("start").disabled = true;
  at("opened").textContent = "";
  say(`Reading ${file.name} …`);
  const answer = await ask("picture", { method: "POST", body: file, headers: { "X-Name": encodeURIComponent(file.name) } });
  if (mine !== round) return;
  if (answer.error) { picture = null; return say(answer.error, true); }
  picture = answer;
  at("opened").textContent = [`${answer.name}: ${answer.width} x ${answer.height} pixels`, ...answer.notes].join(". ");
  at("start").disabled = false;
  suggest();
  say("");
}

function suggest() {
  const kind = at("kind").value;
  at("unit").textContent = { scale: "Factor", width: "Width", height: "Height" }[kind];
  at("number").value = kind === "scale" ? 2 : picture ? 2 * picture[kind] : "";
  at("number").min = kind === "scale" || !picture ? 1 : picture[kind];
}

async function enlarge(event) {
  event.preventDefault();
  const mine = ++round;
  const asked = { model: at("model").value, format: at("format").value, [at("kind").value]: at("number").value };
  at("result").hidden = true;
  say("Working …");            // at once: the last result's "Done." is not to stand while the server is asked
  const begun = await ask("enlarge", { method: "POST", body: JSON.stringify(asked) });
  if (mine !== round) return;
  if (begun.error) return say(begun.error, true);
  at("progress").hidden = false;
  at("progress").value = 0;
  while (mine === round) {
    await new Promise(done => setTimeout(done, 250));
    const state = await ask("enlarge");
    if (mine !== round) return;
    if (state.error) { at("progress").hidden = true; return say(state.error, true); }
    at("progress").value = state.share || 0;
    if (state.made) return show(state);
    const left = state.left === null || state.left === undefined ? "" : `, about ${Math.ceil(state.left)} s left`;
    say(`Working: ${Math.floor(100 * (state.share || 0))} %${left}`);
  }
}

function show(state) {
  at("progress").hidden = true;
  for (const name of ["before", "after"]) at(name).src = `${url(name + ".png")}&round=${round}`;
  at("download").href = url("result");
  at("download").download = state.name;
  at("made").textContent = `${state.name}: ${state.made[1]} x ${state.made[0]} pixels`;
  at("result").hidden = false;
  say(["Done.", ...state.notes].join(" "));
}

function cut() {
  const share = at("slider").value;
  at("cut").style.clipPath = `inset(0 ${100 - share}% 0 0)`;
  at("line").style.left = `${share}%`;
}

at("file").addEventListener("change", () => at("file").files[0] && open(at("file").files[0]));
at("kind").addEventListener("change", suggest);
at("form").addEventListener("submit", enlarge);
at("slider").addEventListener("input", cut);
for (const [kind, over] of [["dragover", true], ["dragleave", false], ["drop", false]])
  document.addEventListener(kind, event => {
    event.preventDefault();
    at("drop").classList.toggle("over", over);
    if (kind === "drop" && event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
  });
addEventListener("pagehide", () => navigator.sendBeacon(url("close")));
addEventListener("pageshow", event => event.persisted && location.reload());
setInterval(() => ask("enlarge"), 20000);   // a sign that the page is still there
