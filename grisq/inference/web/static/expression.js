/* Expressions to token ids, with the ids and the refusals of grisq's own tokenizer (grisq/data/tokenizer.py). */

import { Tokenizer } from "./runtime/tokenizers.js";

const EXAMPLE = "for example “the dog on the left”";

/** A text that cannot be asked; its message is one sentence with the fix. */
export class ExpressionError extends Error {}

export class ExpressionTokenizer {
  /** file: the content of tokenizer.json; about: the content of model.json. */
  constructor(file, about) {
    this.tokenizer = new Tokenizer(file, {});
    this.about = about;
  }

  /** Tokenize one expression: ids and tokens with their marks, cut so that the last mark remains.

      Throws an ExpressionError for a text without a word that the model knows. */
  encode(text) {
    if (!text.trim()) throw new ExpressionError(`The expression is empty: say what to look for, ${EXAMPLE}.`);
    const { ids, tokens } = this.tokenizer.encode(text);
    if (!tokens.some((token) => this.#isWord(token))) {
      throw new ExpressionError(`The expression “${text}” has no word that the model knows: say what to look for, ${EXAMPLE}.`);
    }
    const { max_tokens: most, end_id: end } = this.about;
    if (ids.length <= most) return { ids, tokens };
    if (end === null) return { ids: ids.slice(0, most), tokens: tokens.slice(0, most) };
    return { ids: [...ids.slice(0, most - 1), end], tokens: [...tokens.slice(0, most - 1), tokens.at(-1)] };
  }

  /** Neither punctuation nor a mark. */
  #isWord(token) {
    return !this.about.no_words.includes(token) && /[\p{L}\p{N}]/u.test(token.replace(/<\/w>$/, ""));
  }
}

/** Join the pieces of each word and add up their attention: a list of {text, weight, pieces}. */
export function words(tokens, weights) {
  const found = [];
  tokens.forEach((token, number) => {
    if (token.startsWith("##") && found.length) {
      const word = found.at(-1);
      word.text += token.slice(2);
      word.weight += weights[number];
      word.pieces += 1;
    } else {
      found.push({ text: token, weight: weights[number], pieces: 1 });
    }
  });
  return found;
}
