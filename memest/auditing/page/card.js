// One example as a card, and its larger view.

const ANSWERS = ["right", "wrong", "unsure", "remove"];
const capital = (word) => word[0].toUpperCase() + word.slice(1);

function card(row) {
  const made = element("div", "card");
  made.setAttribute("role", "listitem");
  made.dataset.row = row;
  const picture = element("button", "picture");
  picture.setAttribute("aria-label", `Show ${data.file[row]} larger`);
  picture.append(pictureOf(row));
  made.append(picture, words(row), number(row), deciding(row));
  mark(made, row);
  return made;
}

function words(row) {
  const made = element("div", "words");
  const file = element("p", "file", data.file[row]);
  const why = element("p", "why", data.why[row]);
  file.title = data.file[row];
  why.title = data.why[row];
  made.append(names(row), file, why);
  return made;
}

function names(row) {
  const made = element("p", "names");
  const suggested = data.suggested[row];
  made.append(element("span", "", className(data.label[row])));
  if (suggested >= 0 && suggested !== data.label[row]) made.append(element("i", "", "→"), element("b", "", className(suggested)));
  if (data.kinds[data.kind[row]] !== "fine") made.append(element("span", "tag", data.kinds[data.kind[row]]));
  if (data.sampled[row]) made.append(element("span", "tag", "random part"));
  return made;
}

function number(row) {
  const made = element("div", "number");
  if (data.probability[row] !== null) made.append(element("b", "", percent(data.probability[row])), element("small", "", "likely wrong"));
  made.append(trace(row));
  return made;
}

function deciding(row) {
  const made = element("div", "deciding"), answers = element("div", "answers"), label = element("label", "new", "should be");
  for (const answer of ANSWERS) {
    const button = element("button", "", capital(answer));
    button.dataset.answer = answer;
    answers.append(button);
  }
  const select = element("select");
  select.setAttribute("aria-label", "The right label");
  label.append(select);
  made.append(answers, label);
  return made;
}

// The buttons and the class as they are decided.
function mark(made, row) {
  const answer = answerOf(row), chosen = newLabelOf(row), select = made.querySelector("select");
  for (const button of made.querySelectorAll("[data-answer]")) button.setAttribute("aria-pressed", button.dataset.answer === answer);
  made.classList.toggle("settled", answer !== "");
  made.classList.toggle("kept", answer !== "" && answer !== "wrong");
  if (select.options.length > 1) select.value = chosen;
  else select.replaceChildren(new Option(className(chosen) || "choose", chosen));
}

// All classes are put into a select only when it is used: a thousand classes times the visible cards are too many.
function fill(select) {
  if (select.options.length > 1) return;
  const chosen = select.value;
  select.replaceChildren(...data.classes.map((name, number) => new Option(name, number)));
  if (Number(chosen) < 0) select.prepend(new Option("choose", -1));
  select.value = chosen;
}

function showLarger(row) {
  const shown = $("closer").querySelector("div"), picture = pictureOf(row);
  picture.classList.add("large");
  shown.replaceChildren(names(row), picture, element("p", "", data.why[row]), trace(row), element("p", "small", `${data.file[row]} · id ${data.id[row]} · rank ${data.rank[row].toLocaleString("en")}`));
  $("closer").showModal();
}
