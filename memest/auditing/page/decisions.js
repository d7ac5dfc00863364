// Decisions by id, kept under the fingerprint where the page may keep anything, and their CSV for `memest apply`.

const storageKey = `memest:${data.fingerprint}`;
const decided = new Map();
let kept = true;
try {
  for (const [id, decision] of JSON.parse(localStorage.getItem(storageKey) || "[]")) {
    if (rowOfId.has(id)) decided.set(id, decision);
  }
  localStorage.setItem(storageKey, JSON.stringify([...decided]));
} catch {
  kept = false; // a frame that is not allowed to, or no room
}

function decide(row, answer, newLabel = data.suggested[row]) {
  const id = data.id[row];
  if (answer) decided.set(id, { answer, newLabel });
  else decided.delete(id);
  if (kept) {
    try {
      localStorage.setItem(storageKey, JSON.stringify([...decided]));
    } catch {
      kept = false;
    }
  }
  sayDecisions();
}

const answerOf = (row) => decided.get(data.id[row])?.answer ?? "";
const newLabelOf = (row) => decided.get(data.id[row])?.newLabel ?? data.suggested[row];

const quoted = (text) => (/[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function decisionsCsv() {
  const lines = ["fingerprint,id,label,decision,new_label"];
  for (const [id, { answer, newLabel }] of decided) {
    const to = answer === "wrong" ? className(newLabel) : "";
    lines.push([data.fingerprint, id, className(data.label[rowOfId.get(id)]), answer, to].map((cell) => quoted(String(cell))).join(","));
  }
  return lines.join("\n") + "\n";
}

function sayDecisions() {
  const csv = decisionsCsv();
  for (const box of document.querySelectorAll(".csv")) box.value = csv;
  $("decided").textContent = decided.size.toLocaleString("en");
  $("memory").hidden = kept;
  const counts = Object.entries(Object.groupBy?.([...decided.values()], (d) => d.answer) ?? {});
  const parts = counts.map(([answer, all]) => `${all.length} ${answer}`).join(", ");
  $("summary").textContent = decided.size ? `${decided.size} decided${parts && ": " + parts}.` : "Nothing is decided yet.";
}

function download() {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([decisionsCsv()], { type: "text/csv" }));
  link.download = "decisions.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function copy(button) {
  const box = button.closest("#memory, #decisions").querySelector(".csv");
  box.select();
  const done = document.execCommand("copy"); // the clipboard of `navigator` is refused in MLflow's frame
  $("spoken").textContent = button.textContent = done ? "Copied" : "Press Ctrl+C";
  setTimeout(() => (button.textContent = "Copy"), 2000);
}
