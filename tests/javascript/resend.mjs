// A mail under a key, a strict and a permissive batch; an address that is not ASCII is refused.
import {Resend} from "resend";

const resend = new Resend("re_sandbox");
const mail = {from: "Hub <hub@example.com>", to: "ada@example.com", subject: "Hello", html: "<p>Hi</p>"};
const result = {};

const first = await resend.emails.send(mail, {idempotencyKey: "once"});
const again = await resend.emails.send(mail, {idempotencyKey: "once"});
result.once = [first.error, first.data.id === again.data.id];
result.changed = (await resend.emails.send({...mail, subject: "Other"}, {idempotencyKey: "once"})).error.name;
result.read = (await resend.emails.get(first.data.id)).data.last_event;
const batch = [mail, {...mail, to: "nobody"}];
result.strict = (await resend.batch.send(batch)).error.name;
const permissive = await resend.batch.send(batch, {batchValidation: "permissive"});
result.permissive = [permissive.data.data.length, permissive.data.errors.map((error) => error.index)];
result.idn = (await resend.emails.send({...mail, to: "ada@münchen.example"})).error.name;
result.scheduled = (await resend.emails.send({...mail, scheduledAt: "in 1 hour"})).error.name;
result.key = (await new Resend("re_mine").emails.send(mail)).error.name;
console.log(JSON.stringify(result));
