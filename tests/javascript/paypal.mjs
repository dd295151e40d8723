// An order with its parts, approved and authorized, captured and refunded; parts that do not add up are refused.
import axios from "axios";
import {Client, Environment, OrdersController, PaymentsController} from "@paypal/paypal-server-sdk";

const [base, oAuthClientId, oAuthClientSecret] = process.argv.slice(2);
const adapter = (config) => axios.getAdapter("http")({
  ...config, url: config.url.replace("https://api-m.sandbox.paypal.com", `${base}/paypal`),
});
const client = new Client({
  clientCredentialsAuthCredentials: {oAuthClientId, oAuthClientSecret}, environment: Environment.Sandbox,
  unstable_httpClientOptions: {adapter},
});
const orders = new OrdersController(client), payments = new PaymentsController(client), result = {};
const euros = (value) => ({currencyCode: "EUR", value});
const order = (itemTotal) => ({
  prefer: "return=representation",
  body: {
    intent: "AUTHORIZE",
    purchaseUnits: [{
      amount: {...euros("10.00"), breakdown: {itemTotal: euros(itemTotal), shipping: euros("2.00")}},
      items: [{name: "Ticket", quantity: "2", unitAmount: euros("4.00")}],
    }],
  },
});

const {result: made} = await orders.createOrder(order("8.00"));
result.made = [made.status, made.purchaseUnits[0].amount.breakdown.shipping.value];
try {
  await orders.createOrder(order("9.00"));
} catch (error) {
  result.mismatch = [error.statusCode, JSON.parse(error.body).details[0].issue];
}
try {
  await orders.authorizeOrder({id: made.id});
} catch (error) {
  result.early = [error.statusCode, JSON.parse(error.body).details[0].issue];
}
const headers = {"Content-Type": "application/json"};
await fetch(`${base}/_/paypal/approve`, {method: "POST", headers, body: JSON.stringify({order: made.id})});
const {result: paid} = await orders.authorizeOrder({id: made.id, prefer: "return=representation"});
const hold = paid.purchaseUnits[0].payments.authorizations[0];
result.held = [hold.status, hold.amount.value];
const {result: taken} = await payments.captureAuthorizedPayment({authorizationId: hold.id, prefer: "return=representation"});
result.taken = [taken.status, taken.amount.value];
const {result: back} = await payments.refundCapturedPayment({captureId: taken.id, prefer: "return=representation", body: {amount: euros("4.00")}});
result.refunded = [back.status, back.amount.value];
result.read = (await payments.getCapturedPayment({captureId: taken.id})).result.status;
console.log(JSON.stringify(result));
