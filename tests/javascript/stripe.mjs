// A payment that is held and taken, one that is declined, a refund, pages of a list, a signed webhook, an unknown key.
import Stripe from "stripe";

const [base, secret] = process.argv.slice(2);
const there = (url, init) => fetch(url.replace("https://api.stripe.com", `${base}/stripe`), init);
const account = (key) => new Stripe(key, {httpClient: Stripe.createFetchHttpClient(there), maxNetworkRetries: 0});
const stripe = account("sk_test_sandbox");
const result = {};

const customer = await stripe.customers.create({email: "ada@example.com", name: "Ada"});
const facts = {
  amount: 6531, currency: "eur", customer: customer.id, capture_method: "manual", confirm: true,
  payment_method: "pm_card_visa", automatic_payment_methods: {enabled: true, allow_redirects: "never"},
};
const held = await stripe.paymentIntents.create(facts, {idempotencyKey: "once"});
const again = await stripe.paymentIntents.create(facts, {idempotencyKey: "once"});
result.held = [held.status, held.id === again.id];
result.taken = (await stripe.paymentIntents.capture(held.id)).status;
for (const amount of [100, 200, 300]) await stripe.refunds.create({payment_intent: held.id, amount});
const refunds = [];
for await (const refund of stripe.refunds.list({payment_intent: held.id, limit: 2})) refunds.push(refund.amount);
result.refunds = refunds;
try {
  await stripe.paymentIntents.create({...facts, payment_method: "pm_card_visa_chargeDeclinedInsufficientFunds"});
} catch (error) {
  result.declined = [error.type, error.code, error.decline_code, error.payment_intent.status];
}
try {
  await stripe.paymentIntents.search({query: "status:'succeeded'"});
} catch (error) {
  result.search = [error.type, error.statusCode];
}
try {
  await stripe.customers.retrieve("cus_nobody");
} catch (error) {
  result.missing = [error.type, error.code];
}
try {
  await account("sk_test_mine").customers.list();
} catch (error) {
  result.key = [error.type, error.statusCode];
}
const session = await stripe.checkout.sessions.create({
  mode: "payment", success_url: "https://shop.example/thanks",
  line_items: [{quantity: 1, price_data: {currency: "eur", unit_amount: 500, product_data: {name: "Tour"}}}],
});
result.session = [session.status, session.url.includes("/stripe/checkout/cs_test_")];
const payload = JSON.stringify({id: "evt_1", object: "event", type: "x"});
const header = stripe.webhooks.generateTestHeaderString({payload, secret});
result.webhook = stripe.webhooks.constructEvent(payload, header, secret).type;
console.log(JSON.stringify(result));
