// The list: filtered and ordered positions, of which only those in the window are in the document.

const MARGIN = 4;
let shown = new Int32Array(0), current = 0, wantedKind = "issues";
const drawn = new Map();
const orders = new Map();
let haystack = null;

const keyed = {
  rank: (row) => data.rank[row],
  probability: (row) => -(data.probability[row] ?? 0),
  sure: (row) => data.probability[row] ?? 1,
  label: (row) => className(data.label[row]),
  file: (row) => data.file[row],
};

function order(name) {
  if (!orders.has(name)) {
    const keys = Array.from({ length: rowCount }, (_, row) => keyed[name](row));
    const ranks = data.rank;
    orders.set(name, Int32Array.from(keys.keys()).sort((a, b) => (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : ranks[a] - ranks[b])));
  }
  return orders.get(name);
}

const KINDS = {
  issues: (row) => data.kinds[data.kind[row]] !== "fine",
  ...Object.fromEntries(data.kinds.filter((kind) => kind !== "fine").map((kind, n) => [kind, (row) => data.kind[row] === n])),
  "random part": (row) => data.sampled[row] === 1,
  all: () => true,
};

function matches() {
  const kind = KINDS[wantedKind], state = $("state").value, text = $("search").value.trim().toLowerCase();
  const label = $("label").value === "" ? -1 : Number($("label").value);
  const suggested = $("suggested").value === "" ? -1 : Number($("suggested").value);
  if (text) haystack ??= data.file.map((file, row) => [file, data.id[row], className(data.label[row]), className(data.suggested[row]), data.why[row]].join("\n").toLowerCase());
  return (row) =>
    kind(row) && (label < 0 || data.label[row] === label) && (suggested < 0 || data.suggested[row] === suggested) &&
    (!state || fits(answerOf(row), state)) && (!text || haystack[row].includes(text));
}

const fits = (answer, state) => (state === "open" ? !answer : state === "done" ? answer !== "" : answer === state);

function filter() {
  shown = order($("sort").value).filter(matches());
  current = 0;
  for (const made of drawn.values()) made.remove();
  drawn.clear();
  $("list").style.height = `${shown.length * rowHeight()}px`;
  $("count").textContent = shown.length ? `${shown.length.toLocaleString("en")} shown` : "Nothing here. Choose another kind, or clear the search.";
  draw();
}

const rowHeight = () => parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));

function draw() {
  const height = rowHeight(), top = -$("list").getBoundingClientRect().top;
  const first = Math.max(0, Math.floor(top / height) - MARGIN);
  const last = Math.min(shown.length, Math.ceil((top + innerHeight) / height) + MARGIN);
  for (const [place, made] of drawn) {
    if (place < first || place >= last) {
      made.remove();
      drawn.delete(place);
    }
  }
  for (let place = first; place < last; place++) {
    if (!drawn.has(place)) {
      const made = card(shown[place]);
      made.style.top = `${place * height}px`;
      drawn.set(place, made);
      $("list").append(made);
    }
    drawn.get(place).classList.toggle("current", place === current);
  }
}

function move(to) {
  if (!shown.length) return;
  current = Math.max(0, Math.min(shown.length - 1, to));
  const height = rowHeight(), box = $("list").getBoundingClientRect(), top = box.top + current * height;
  const covered = getComputedStyle($("bar")).position === "sticky" ? $("bar").offsetHeight : 0;
  if (top < covered) scrollBy(0, top - covered);
  else if (top + height > innerHeight) scrollBy(0, top + height - innerHeight);
  draw();
  $("spoken").textContent = `${data.file[shown[current]]}: ${className(data.label[shown[current]])}`;
}

function answer(place, given, newLabel) {
  const row = shown[place];
  if (row === undefined) return;
  if (given === "wrong" && (newLabel ?? newLabelOf(row)) < 0) return drawn.get(place)?.querySelector("select").focus(); // it needs a class
  decide(row, given === answerOf(row) && newLabel === undefined ? "" : given, newLabel);
  if (drawn.has(place)) mark(drawn.get(place), row);
}
