/* The exported model in onnxruntime-web: pixels and words in, probabilities out. */

import { ExpressionTokenizer, words } from "./expression.js";
import * as onnx from "./runtime/onnxruntime.js";

const PROGRAM = "runtime/onnxruntime.wasm";

export class Model {
  constructor(session, tokenizer, about) {
    Object.assign(this, { session, tokenizer, about });
    this.before = Promise.resolve(); // the session takes one question at a time
  }

  /** Fetch and start the model. received(share) is called with the part of all bytes that has come, 0 to 1. */
  static async load(sizes, received) {
    const about = await (await get("model.json")).json();
    const total = sizes[PROGRAM] + sizes[about.file];
    let come = 0;
    const count = (bytes) => received(Math.min(1, (come += bytes) / total));
    const [program, network, tokenizer] = await Promise.all([
      getBytes(PROGRAM, count),
      getBytes(about.file, count),
      get("tokenizer.json").then((response) => response.json()),
    ]);
    onnx.env.wasm.numThreads = 1; // more need headers that plain file servers do not send
    onnx.env.wasm.wasmBinary = program.buffer;
    const session = await onnx.InferenceSession.create(network, { executionProviders: ["wasm"] });
    return new Model(session, new ExpressionTokenizer(tokenizer, about), about);
  }

  /** Answer an expression about a picture that `fitPicture` made.

      Returns difference (side, side), the logit that a pixel belongs to the target; presence and plurality,
      probabilities, or null where the system has no such head; words, the attention of the target query over them, or
      null; and milliseconds. Throws an Error with one sentence for an expression that cannot be asked. */
  answer(picture, text) {
    const result = this.before.then(() => this.#run(picture, text));
    this.before = result.catch(() => {});
    return result;
  }

  async #run({ images, valid }, text) {
    const { ids, tokens } = this.tokenizer.encode(text);
    const { side, length, pad_id: pad } = this.about;
    const count = length ?? ids.length; // a recurrent text encoder takes a fixed number
    const padded = BigInt64Array.from({ length: count }, (_, place) => BigInt(ids[place] ?? pad));
    const begun = performance.now();
    const outputs = await this.session.run({
      images: new onnx.Tensor("uint8", images, [1, 3, side, side]),
      valid: new onnx.Tensor("bool", valid, [1, side, side]),
      tokens: new onnx.Tensor("int64", padded, [1, count]),
      token_mask: new onnx.Tensor("bool", Uint8Array.from(padded, (_, place) => place < ids.length), [1, count]),
    });
    const milliseconds = performance.now() - begun;
    const attention = outputs.word_attention;
    return {
      difference: outputs.difference.data,
      presence: outputs.presence?.data[0] ?? null,
      plurality: outputs.plurality?.data[0] ?? null,
      words: attention ? words(tokens, attention.data) : null,
      milliseconds,
    };
  }
}

/** Fetch a file of the page's own folder. Throws an Error with one sentence if it does not come. */
export async function get(name) {
  let response;
  try {
    response = await fetch(name);
  } catch {
    throw new Error(`${name} could not be fetched: is the file server still running? Then reload the page.`);
  }
  if (!response.ok) throw new Error(`${name} is missing on the server (${response.status}): copy the whole folder.`);
  return response;
}

async function getBytes(name, count) {
  const reader = (await get(name)).body.getReader();
  const parts = [];
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    count(part.value.length);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
