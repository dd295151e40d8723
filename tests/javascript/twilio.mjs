// A text, one with media, one through a service, a scheduled one that is canceled; a bad number is refused.
import twilio from "twilio";

const [base, sid, token] = process.argv.slice(2);
const client = twilio(sid, token);
client.api.baseUrl = `${base}/twilio`;
client.lookups.baseUrl = `${base}/twilio`;
const result = {}, to = "+447700900123", from = "+447700900000", body = "Hello";
const messagingServiceSid = `MG${"0".repeat(32)}`;

const plain = await client.messages.create({to, from, body});
result.plain = [plain.status, plain.sid.slice(0, 2)];
const media = await client.messages.create({to, from, body, mediaUrl: ["https://example.com/map.png"]});
result.media = [media.numMedia, media.sid.slice(0, 2)];
result.service = (await client.messages.create({to, body, messagingServiceSid})).status;
const sendAt = new Date(Date.now() + 20 * 60 * 1000);
const late = await client.messages.create({to, body, messagingServiceSid, scheduleType: "fixed", sendAt});
result.scheduled = [late.status, (await late.update({status: "canceled"})).status];
try {
  await client.messages.create({to: "+15005550001", from, body});
} catch (error) {
  result.refused = [error.status, error.code];
}
try {
  await client.messages.create({to, from, body, scheduleType: "fixed", sendAt});
} catch (error) {
  result.unscheduled = [error.status, error.code];
}
result.listed = (await client.messages.list({to, limit: 20})).length;
await plain.remove();
result.removed = (await client.messages.list({to, limit: 20})).length;
result.lookup = (await client.lookups.v2.phoneNumbers(to).fetch()).countryCode;
console.log(JSON.stringify(result));
