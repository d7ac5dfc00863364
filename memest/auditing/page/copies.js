// Groups of copies, side by side; a few at a time.

const AT_ONCE = 40;
const RELATIONS = { "same label": "One label", conflicting: "Conflicting labels", "test set": "In training and test set" };
let groupsShown = 0;

function moreGroups() {
  const next = data.groups.slice(groupsShown, groupsShown + AT_ONCE);
  $("groups").append(...next.map(group));
  groupsShown += next.length;
  $("more").hidden = groupsShown >= data.groups.length;
}

function group({ members, tests, exact, relation, similarity }) {
  const made = element("div", "group"), title = element("h3", "", RELATIONS[relation] ?? relation), row = element("div", "members");
  title.append(element("span", "", exact ? "every pixel equal" : `similarity ${similarity.toFixed(2)}`));
  row.append(...members.map(([place, file]) => member(place, file)), ...tests.map(testMember));
  made.append(title, row);
  return made;
}

function member(row, file) {
  const made = element("div", "member"), picture = element("button", "picture");
  const remove = element("button", "", "Remove");
  made.append(picture, element("p", "", row < 0 ? "" : className(data.label[row])), element("p", "file", file));
  made.lastChild.title = file;
  if (row < 0) {
    picture.append(element("span", "", "no picture"));
    return made;
  }
  picture.append(pictureOf(row));
  picture.dataset.row = row;
  remove.dataset.remove = row;
  remove.setAttribute("aria-pressed", answerOf(row) === "remove");
  made.append(remove);
  return made;
}

function testMember(file) {
  const made = element("div", "member"), picture = element("div", "picture"), text = data.testPictures[file];
  picture.append(text ? image(text) : element("span", "", "no picture"));
  made.append(picture, element("p", "", "test set"), element("p", "file", file));
  return made;
}

function toggleRemoved(button) {
  const row = Number(button.dataset.remove);
  decide(row, answerOf(row) === "remove" ? "" : "remove");
  for (const same of document.querySelectorAll(`[data-remove="${row}"]`)) same.setAttribute("aria-pressed", answerOf(row) === "remove");
}
