// Judges an AsyncAPI document by the official schema, and frames by the document's own payloads.
// stdin: {document, frames: [{pointer, frame}]}; stdout: {document: [error], frames: [[error]]}.
import { readFileSync } from "node:fs";
import Ajv from "ajv";

const read = (path) => JSON.parse(readFileSync(path, "utf8"));
const { document, frames } = read(0);
const official = read(new URL(import.meta.resolve("@asyncapi/specs/schemas/3.0.0.json")));

// The official schema carries draft 07 with it.
const settings = { strict: false, validateFormats: false, allErrors: true };
const errorsOf = (judge, value) =>
  judge(value) ? [] : judge.errors.map((error) => `${error.instancePath} ${error.message}`);

const judgeDocument = new Ajv({ ...settings, meta: false, validateSchema: false }).compile(official);
const payloads = new Ajv(settings).addSchema(document, "document", undefined, false);
const judgePayload = (pointer) => payloads.compile({ $ref: `document${pointer}` });

process.stdout.write(
  JSON.stringify({
    document: errorsOf(judgeDocument, document),
    frames: frames.map(({ pointer, frame }) => errorsOf(judgePayload(pointer), frame)),
  }),
);
