// Views, filters, keys: what joins the parts.

function show(view) {
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const chosen = tab.dataset.view === view;
    tab.setAttribute("aria-selected", chosen);
    $(tab.dataset.view).hidden = !chosen;
  }
  if (view === "labels") filterInPlace();
  if (view === "copies" && !groupsShown) moreGroups();
}

// Cards again as they are decided now, at the same place.
function filterInPlace() {
  for (const [place, made] of drawn) mark(made, shown[place]);
  draw();
}

function options(select, any, numbers) {
  const counts = new Map();
  for (const number of numbers) if (number >= 0) counts.set(number, (counts.get(number) ?? 0) + 1);
  const known = [...counts.keys()].sort((a, b) => a - b);
  select.replaceChildren(new Option(any, ""), ...known.map((number) => new Option(className(number), number)));
}

function kindButtons() {
  for (const [name, belongs] of Object.entries(KINDS)) {
    let count = 0;
    for (let row = 0; row < rowCount; row++) count += belongs(row);
    if (!count && name === "issues") wantedKind = "all";
    if (!count) continue;
    const button = element("button", "", capital(name === "issues" ? "issues" : name));
    button.append(element("span", "", count.toLocaleString("en")));
    button.dataset.kind = name;
    $("kinds").append(button);
  }
  markKind();
}

function markKind() {
  for (const button of $("kinds").children) button.setAttribute("aria-pressed", button.dataset.kind === wantedKind);
}

document.querySelector("nav").addEventListener("click", (event) => {
  const tab = event.target.closest("[role=tab]");
  if (tab) show(tab.dataset.view);
});
$("kinds").addEventListener("click", (event) => {
  const button = event.target.closest("[data-kind]");
  if (!button) return;
  wantedKind = button.dataset.kind;
  markKind();
  filter();
});
for (const id of ["label", "suggested", "state", "sort"]) $(id).addEventListener("change", filter);
$("search").addEventListener("input", filter);

$("list").addEventListener("click", (event) => {
  const made = event.target.closest(".card");
  if (!made) return;
  const row = Number(made.dataset.row);
  current = shown.indexOf(row);
  const button = event.target.closest("[data-answer]");
  if (button) answer(current, button.dataset.answer);
  if (event.target.closest(".picture")) showLarger(row);
  draw();
});
$("list").addEventListener("change", (event) => {
  const row = Number(event.target.closest(".card").dataset.row);
  answer(shown.indexOf(row), "wrong", Number(event.target.value));
});
for (const type of ["pointerdown", "focusin"]) {
  $("list").addEventListener(type, (event) => event.target.matches("select") && fill(event.target));
}
$("groups").addEventListener("click", (event) => {
  const remove = event.target.closest("[data-remove]"), picture = event.target.closest("[data-row]");
  if (remove) toggleRemoved(remove);
  else if (picture) showLarger(Number(picture.dataset.row));
});
$("more").addEventListener("click", moreGroups);
$("download").addEventListener("click", download);
for (const button of document.querySelectorAll(".copy")) button.addEventListener("click", () => copy(button));
$("forget").addEventListener("click", (event) => {
  if (event.target.textContent === "Forget all") return void (event.target.textContent = "Really forget all?");
  for (const id of [...decided.keys()]) decide(rowOfId.get(id), "");
  event.target.textContent = "Forget all";
});

const KEYS = {
  j: () => move(current + 1), ArrowDown: () => move(current + 1), k: () => move(current - 1), ArrowUp: () => move(current - 1),
  Home: () => move(0), End: () => move(shown.length - 1), PageDown: () => move(current + 5), PageUp: () => move(current - 5),
  c: () => drawn.get(current)?.querySelector("select").focus(), "/": () => $("search").focus(),
  Enter: () => shown.length && showLarger(shown[current]),
};
for (const [key, given] of [["r", "right"], ["w", "wrong"], ["u", "unsure"], ["x", "remove"]]) {
  KEYS[key] = () => {
    const before = answerOf(shown[current]);
    answer(current, given);
    if (answerOf(shown[current]) === given && before !== given) move(current + 1);
  };
}
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.matches("input, select")) return event.target.blur();
  const busy = event.target.matches("input, select, textarea") || $("closer").open || $("labels").hidden;
  const pressing = event.key === "Enter" && event.target.matches("button");
  if (busy || pressing || event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) return;
  event.preventDefault();
  KEYS[event.key]();
});

let waiting = false;
addEventListener("scroll", () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
}, { passive: true });
let height = rowHeight();
addEventListener("resize", () => {
  if (height !== (height = rowHeight())) filter();
  else draw();
});

$("command").textContent = data.command;
options($("label"), "Any label", data.label);
options($("suggested"), "Any suggestion", data.suggested);
$("suggested").hidden = !data.suggested.some((suggested) => suggested >= 0);
kindButtons();
sayDecisions();
filter();
readTraces().then(() => {
  for (const [place, made] of drawn) made.querySelector(".trace").replaceWith(trace(shown[place]));
});
