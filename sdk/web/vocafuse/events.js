/**
 * Reads server-sent events, of which `GET /v1/events` answers with a stream.
 *
 * @param {ReadableStream<Uint8Array>} stream
 * @returns {AsyncGenerator<{id?: string, data?: string}>} Each block, those that only say that the line holds included.
 */
export async function* readEvents(stream) {
  const reader = stream.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
  let text = "";
  for (let part; !(part = await reader.read()).done; ) {
    const blocks = (text + part.value).split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) yield fieldsOf(block);
  }
}

/** @param {string} block @returns {Record<string, string>} */
export function fieldsOf(block) {
  const fields = block.split("\n").map((line) => /^(\w+): (.*)$/.exec(line));
  return Object.fromEntries(fields.flatMap((field) => (field ? [[field[1], field[2]]] : [])));
}
