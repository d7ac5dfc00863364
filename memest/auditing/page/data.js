// What the page shows: rows, pictures and traces, read once from the elements that hold them.

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const rowCount = data.id.length;
const pictureText = $("pictures").textContent;
const pictureStarts = [0];
for (const length of data.lengths) pictureStarts.push(pictureStarts.at(-1) + length);
const rowOfId = new Map(data.id.map((id, row) => [id, row]));

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== "") made.textContent = text;
  return made;
}

function image(text) {
  const made = element("img");
  made.alt = "";
  made.src = `data:image/webp;base64,${text}`;
  made.decode().then(() => made.classList.toggle("coarse", made.naturalWidth < 48), () => {});
  return made;
}

const pictureOf = (row) =>
  row < data.lengths.length ? image(pictureText.slice(pictureStarts[row], pictureStarts[row + 1])) : element("span", "", "no picture");

const className = (number) => (number < 0 ? "" : data.classes[number]);
const percent = (share) => (share === null ? "" : `${share > 0.99 ? ">99" : share < 0.01 ? "<1" : Math.round(100 * share)} %`);

// Traces: one byte for each row and point, larger where the loss was larger.
let traceBytes = null, commonTrace = "";

async function readTraces() {
  const text = $("traces").textContent;
  if (!text || !("DecompressionStream" in window)) return;
  const packed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  traceBytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const sums = new Float64Array(data.points);
  for (let at = 0; at < traceBytes.length; at++) sums[at % data.points] += traceBytes[at];
  commonTrace = path(sums.map((sum) => sum / rowCount));
}

function path(values) {
  const step = 100 / Math.max(1, values.length - 1);
  return Array.from(values, (value, n) => `${n ? "L" : "M"}${(n * step).toFixed(1)} ${(100 - value / 2.55).toFixed(1)}`).join("");
}

function trace(row) {
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawn.setAttribute("class", "trace");
  drawn.setAttribute("viewBox", "0 0 100 100");
  drawn.setAttribute("preserveAspectRatio", "none");
  if (!traceBytes) return drawn;
  const own = path(traceBytes.subarray(row * data.points, (row + 1) * data.points));
  for (const [name, shape] of [["", commonTrace], ["own", own]]) {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("class", name);
    line.setAttribute("d", shape);
    drawn.append(line);
  }
  const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
  title.textContent = "Its loss over training; grey: the mean of all";
  drawn.append(title);
  return drawn;
}
