// An answer whole, streamed and to a schema; a demanded tool, an unknown model and an unknown key are refused.
import OpenAI from "openai";

const [base] = process.argv.slice(2);
const client = (apiKey) => new OpenAI({apiKey, baseURL: `${base}/openai/v1`, maxRetries: 0});
const openai = client("sk-sandbox");
const ask = {model: "gpt-sandbox", messages: [{role: "user", content: "Say hello."}]};
const result = {};
const refusal = async (name, act) => {
  try { await act(); result[name] = "accepted"; } catch (error) { result[name] = [error.status, error.code, error.param]; }
};

const whole = await openai.chat.completions.create(ask);
result.whole = [whole.choices[0].finish_reason, whole.choices[0].message.content.length > 0];
let streamed = "";
for await (const chunk of await openai.chat.completions.create({...ask, stream: true})) streamed += chunk.choices[0]?.delta.content ?? "";
result.streamed = streamed.length > 0;
const schema = {type: "object", properties: {city: {type: "string"}}, required: ["city"], additionalProperties: false};
const answer = await openai.responses.create({
  model: "gpt-sandbox", input: "A city?", text: {format: {type: "json_schema", name: "place", strict: true, schema}},
});
result.schema = typeof JSON.parse(answer.output_text).city;
const next = await openai.responses.create({model: "gpt-sandbox", input: "And why?", previous_response_id: answer.id});
result.next = next.status;
const tool = {type: "function", function: {name: "book", parameters: {type: "object", properties: {}}}};
const demanded = {...ask, tools: [tool], tool_choice: {type: "function", function: {name: "book"}}};
await refusal("tool", () => openai.chat.completions.create(demanded));
await refusal("model", () => openai.chat.completions.create({...ask, model: "gpt-nobody"}));
await refusal("key", () => client("sk-proj-mine").models.list());
result.models = (await openai.models.list()).data.some((model) => model.id === "gpt-sandbox");
console.log(JSON.stringify(result));
