/* The page: what is chosen and typed goes to the model, and what it answers is shown. */

import { OUTLINE, drawMask, drawnSize, drawPicture } from "./drawing.js";
import { ExpressionError } from "./expression.js";
import { positiveIn } from "./letterbox.js";
import { get, Model } from "./model.js";
import { fitPicture, openPicture } from "./picture.js";

const at = (id) => document.getElementById(id);
const dark = matchMedia("(prefers-color-scheme: dark)");
const FADE_TO = { light: [255, 255, 255], dark: [23, 27, 31] }; // the background of the page
const HALF = 0.5; // the threshold of plurality

const page = await (await get("page.json")).json();
const model = Model.load(page.files, showProgress);
let shown = null; // the picture on the page: {name, bitmap, expressions, input}
let said = null; // the last answer, with the picture and the words that it is about
let turn = 0; // of the last question; an answer that comes later than the next question is dropped

at("note").textContent = page.note;
at("expectation").hidden = false;
addCredit();
addExamples();
listen();
showLoading();
choose(at("pictures").querySelector("input"));

/** Say that the model is coming, and how far it is. */
function showLoading() {
  const megabytes = Math.round(Object.values(page.files).reduce((sum, bytes) => sum + bytes) / 1e6);
  say("Fetching the model…", `${megabytes} MB in all.`);
  at("loading").hidden = false;
  const end = () => (at("loading").hidden = true);
  model.then(setThreshold).then(end, end);
}

function showProgress(share) {
  at("loading").value = share;
}

function setThreshold({ about }) {
  at("threshold").value = about.presence_threshold;
}

/** Whose pictures these are, with a link to their own text where there is one. */
function addCredit() {
  const { text, file } = page.credit;
  at("credit").append(text);
  if (file) {
    const link = Object.assign(document.createElement("a"), { href: file, textContent: "all credits" });
    at("credit").append(" (", link, ")");
  }
  at("credit").append(". ");
}

function addExamples() {
  for (const example of page.examples) {
    addPicture(example.file, example.name, async () => {
      const bitmap = await openPicture(await (await get(example.file)).blob(), example.name);
      return { ...example, bitmap };
    });
  }
}

/** Add a picture to choose from. open() gives what `shown` holds, and is called when it is first chosen. */
function addPicture(address, name, open) {
  const label = document.createElement("label");
  const choice = Object.assign(document.createElement("input"), { type: "radio", name: "picture" });
  const image = Object.assign(document.createElement("img"), { src: address, alt: name });
  label.append(choice, image);
  at("pictures").append(label);
  let opened = null;
  choice.addEventListener("change", async () => {
    try {
      opened ??= open();
      show(await opened, choice);
    } catch (error) {
      opened = null; // the next click tries again
      refuse(error);
    }
  });
  return choice;
}

function choose(choice) {
  choice.checked = true;
  choice.dispatchEvent(new Event("change"));
}

/** Take a file that was chosen, dropped or pasted. */
async function take(file) {
  try {
    const bitmap = await openPicture(file, file.name);
    const picture = { name: `Your picture ${file.name}`, bitmap, expressions: [] };
    choose(addPicture(URL.createObjectURL(file), picture.name, () => picture));
  } catch (error) {
    refuse(error);
  }
}

/** Put a picture on the page, unless another one was chosen while it was opened, and ask about it. */
function show(picture, choice) {
  if (!choice.checked) return;
  const before = shown?.expressions ?? [];
  shown = picture;
  said = null;
  drawPicture(at("shown"), picture.bitmap);
  clearMask();
  const list = at("tries");
  list.replaceChildren(...picture.expressions.map(tryButton));
  at("try").hidden = !picture.expressions.length;
  const text = at("text");
  if (picture.expressions.length && (!text.value || before.includes(text.value))) text.value = picture.expressions[0];
  ask();
}

function tryButton(expression) {
  const item = document.createElement("li");
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: expression });
  button.addEventListener("click", () => {
    at("text").value = expression;
    ask();
  });
  item.append(button);
  return item;
}

/** Ask the model about the picture and the words on the page, and show its answer. */
async function ask() {
  if (!shown) return;
  const [mine, picture, text] = [++turn, shown, at("text").value];
  try {
    const loaded = await model;
    picture.input ??= fitPicture(picture.bitmap, loaded.about.side);
    const answer = await loaded.answer(picture.input, text);
    if (mine === turn) showAnswer({ ...answer, picture, text, about: loaded.about });
  } catch (error) {
    if (mine !== turn) return;
    refuse(error);
    at("text").setAttribute("aria-invalid", String(error instanceof ExpressionError));
  }
}

function showAnswer(answer) {
  const { picture, difference, about } = answer;
  const { width, height } = picture.bitmap;
  const [drawnWidth, drawnHeight] = drawnSize(picture.bitmap);
  const mask = positiveIn(difference, picture.input.box, width, height);
  const share = mask.reduce((sum, inside) => sum + inside, 0) / mask.length;
  said = {
    ...answer,
    share,
    drawn: positiveIn(difference, picture.input.box, drawnWidth, drawnHeight),
    byArea: answer.presence === null, // without presence head the 50-pixel rule decides (Sec. 4.1)
    presence: answer.presence ?? Number(share >= about.least_share),
  };
  at("text").removeAttribute("aria-invalid");
  at("numbers").hidden = false;
  decide();
}

/** Show the last answer under the threshold that is set. */
function decide() {
  if (!said) return;
  const threshold = Number(at("threshold").value);
  at("threshold-value").textContent = threshold.toFixed(2);
  const present = said.presence >= threshold;
  showBar("presence", said.byArea ? null : said.presence, threshold);
  showBar("plurality", said.plurality, HALF);
  at("plurality-reading").classList.toggle("idle", !present);
  const several = said.plurality >= HALF;
  const number = several ? "several" : "one";
  showWords();
  const outlined = present || at("before").checked ? said.share : 0;
  drawAnswer(outlined > 0, present && said.plurality !== null ? number : "other");
  const heading = present ? (said.plurality === null ? "Something" : several ? "Several" : "One") : "Nothing";
  say(heading, describe(present, number));
}

/** One sentence, as grisq.Prediction.describe gives it. */
function describe(present, number) {
  const rule = "50-pixel rule";
  const time = `Answered in ${Math.round(said.milliseconds)} ms.`;
  if (!present) {
    const reason = said.byArea ? rule : `presence ${said.presence.toFixed(2)}`;
    return `“${said.text}”: no target in the picture (${reason}). ${time}`;
  }
  const certainty = said.byArea ? rule : said.presence.toFixed(2);
  const certain = Math.max(said.plurality, 1 - said.plurality).toFixed(2);
  const counted = said.plurality === null ? "" : `, ${number} (${certain})`;
  const share = (100 * said.share).toFixed(1);
  return `“${said.text}”: present (${certainty})${counted}, ${share} % of the picture. ${time}`;
}

/** Draw one probability with its threshold; without one, as some systems have none, the reading is left out. */
function showBar(id, probability, threshold) {
  const reading = at(`${id}-reading`);
  reading.hidden = probability === null;
  if (probability === null) return;
  const chosen = Number(probability >= threshold);
  const ends = [...reading.querySelectorAll(".ends span")];
  ends.forEach((end, side) => end.classList.toggle("chosen", side === chosen));
  reading.querySelector(".fill").style.width = `${100 * probability}%`;
  reading.querySelector(".tick").style.left = `${100 * threshold}%`;
  reading.querySelector(".value").textContent = probability.toFixed(2);
  const words = `${ends[chosen].textContent}: the probability of “${ends[1].textContent}” is ${probability.toFixed(2)}`;
  at(id).setAttribute("aria-valuenow", probability);
  at(id).setAttribute("aria-valuetext", words);
}

/** Draw the attention over the words, where the system has a target query. */
function showWords() {
  at("words").hidden = said.words === null;
  at("pieces").hidden = !said.words?.some(({ pieces }) => pieces > 1);
  if (said.words === null) return;
  at("words").querySelector("tbody").replaceChildren(...said.words.map(wordRow));
}

function wordRow({ text, weight, pieces }) {
  const row = document.createElement("tr");
  const name = Object.assign(document.createElement("th"), { scope: "row", textContent: text });
  name.classList.toggle("mark", /^\[.*\]$/.test(text));
  if (pieces > 1) name.append(Object.assign(document.createElement("small"), { textContent: `${pieces} pieces` }));
  const fill = Object.assign(document.createElement("div"), { className: "fill" });
  fill.style.width = `${100 * weight}%`;
  const bar = Object.assign(document.createElement("div"), { className: "bar word" });
  bar.append(fill);
  const value = Object.assign(document.createElement("span"), { textContent: `${(100 * weight).toFixed(0)} %` });
  const cell = document.createElement("td");
  cell.append(bar, value);
  row.append(name, cell);
  return row;
}

function drawAnswer(outlined, answer) {
  const canvas = at("mask");
  const [width, height] = drawnSize(said.picture.bitmap);
  const mask = outlined ? said.drawn : new Uint8Array(width * height);
  drawMask(canvas, mask, width, height, OUTLINE[answer], FADE_TO[dark.matches ? "dark" : "light"]);
  at("caption").textContent = outlined
    ? `Outlined: what “${said.text}” means to the model. The rest is faded.`
    : `Nothing is outlined for “${said.text}”.`;
  at("shown").setAttribute("aria-label", `${said.picture.name}. ${at("caption").textContent}`);
}

function clearMask() {
  const canvas = at("mask");
  [canvas.width, canvas.height] = drawnSize(shown.bitmap);
  at("caption").textContent = "";
  at("shown").setAttribute("aria-label", shown.name);
}

/** Show what is wrong, and no mask or number that belongs to another question. */
function refuse(error) {
  turn += 1;
  said = null;
  if (shown) clearMask();
  at("numbers").hidden = true;
  say("No answer", error.message);
}

function say(answer, details) {
  at("answer").textContent = answer;
  at("details").textContent = details;
}

function listen() {
  at("form").addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  at("file").addEventListener("change", () => {
    const [file] = at("file").files;
    at("file").value = ""; // so that the same file can be chosen again
    if (file) take(file);
  });
  for (const id of ["threshold", "before"]) at(id).addEventListener("input", decide);
  dark.addEventListener("change", decide);
  addEventListener("dragover", (event) => {
    event.preventDefault();
    at("stage").classList.add("target");
  });
  for (const end of ["dragleave", "drop"]) addEventListener(end, () => at("stage").classList.remove("target"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
  addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) take(event.clipboardData.files[0]);
  });
}
