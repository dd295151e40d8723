/* The sandbox's stand-in for Stripe.js: the same calls with the same answers, against this sandbox.

   Played: Stripe(key), elements(), the elements `payment` and `card`, confirmPayment, confirmCardPayment,
   createPaymentMethod, retrievePaymentIntent, handleNextAction and handleCardAction, with 3-D Secure in a frame.
   Everything else throws an error that says so. */
(() => {
  "use strict";
  const API = new URL("/stripe/v1/", document.currentScript.src).href;
  const FIELDS = [
    ["number", "Card number", "4242 4242 4242 4242", "cc-number"],
    ["expiry", "Expiration (MM/YY)", "12 / 34", "cc-exp"],
    ["cvc", "Security code", "123", "cc-csc"],
  ];
  const INCOMPLETE = {
    number: "Your card number is incomplete.",
    expiry: "Your card's expiration date is incomplete.",
    cvc: "Your card's security code is incomplete.",
  };

  const refuse = (what) => {
    throw new Error(`The sandbox's stripe.js does not play ${what}.`);
  };
  const usageError = (message) => {
    const error = new Error(message);
    error.name = "IntegrationError";
    return error;
  };
  /* What is not there is refused by name, not `undefined`. */
  const strict = (name, target) => new Proxy(target, {
    get: (of, key) => key in of || typeof key === "symbol" || key === "then" || key === "toJSON"
      ? of[key] : () => refuse(`${name}.${key}`),
  });

  /* {a: {b: 1}} as a[b]=1, as Stripe's API takes it. */
  const flatten = (value, prefix, into) => {
    for (const [key, item] of Object.entries(value)) {
      const name = prefix ? `${prefix}[${key}]` : key;
      if (item === undefined || item === null) continue;
      if (typeof item === "object") flatten(item, name, into);
      else into.append(name, item);
    }
    return into;
  };
  const secretOf = (clientSecret) => {
    const found = /^(pi_[A-Za-z0-9]+)_secret_/.exec(clientSecret || "");
    if (!found) throw usageError(`Invalid value for client secret: value should be of the form \${id}_secret_\${secret}.`);
    return found[1];
  };

  class Element {
    constructor(type, options) {
      this.type = type;
      this.options = options || {};
      this.listeners = {};
      this.inputs = {};
      this.root = null;
    }
    mount(place) {
      const target = typeof place === "string" ? document.querySelector(place) : place;
      if (!target) throw usageError(`The selector you specified (${place}) applies to no DOM elements that are currently on the page.`);
      this.unmount();
      this.root = document.createElement("div");
      this.root.className = "StripeElement";
      for (const [name, label, placeholder, autocomplete] of FIELDS) {
        const line = document.createElement("label");
        line.style.cssText = "display:block;margin:0 0 8px";
        line.append(label);
        const input = document.createElement("input");
        Object.assign(input, {name, placeholder, autocomplete, inputMode: "numeric"});
        input.style.cssText = "display:block;width:100%;box-sizing:border-box;padding:10px;font:inherit";
        input.addEventListener("input", () => this.emit("change", this.state()));
        input.addEventListener("focus", () => this.emit("focus"));
        input.addEventListener("blur", () => this.emit("blur"));
        line.append(input);
        this.root.append(line);
        this.inputs[name] = input;
      }
      target.append(this.root);
      setTimeout(() => this.emit("ready"), 0);
    }
    unmount() { if (this.root) { this.root.remove(); this.root = null; } }
    destroy() { this.unmount(); this.inputs = {}; }
    clear() { for (const input of Object.values(this.inputs)) input.value = ""; }
    focus() { if (this.inputs.number) this.inputs.number.focus(); }
    blur() { for (const input of Object.values(this.inputs)) input.blur(); }
    update(options) { Object.assign(this.options, options); }
    on(event, act) { (this.listeners[event] ||= []).push(act); return this; }
    off(event, act) { this.listeners[event] = (this.listeners[event] || []).filter((one) => act && one !== act); return this; }
    once(event, act) { const first = (data) => { this.off(event, first); act(data); }; return this.on(event, first); }
    emit(event, data) { for (const act of this.listeners[event] || []) act({elementType: this.type, ...data}); }
    problem() {
      const card = this.card();
      const complete = {
        number: (card.number || "").length >= 12, expiry: Boolean(card.exp_month && card.exp_year),
        cvc: /^\d{3,4}$/.test(card.cvc || ""),
      };
      const missing = Object.keys(complete).find((name) => !complete[name]);
      return missing && {type: "validation_error", code: `incomplete_${missing}`, message: INCOMPLETE[missing]};
    }
    state() {
      const values = Object.values(this.inputs).map((input) => input.value);
      return {complete: !this.problem(), empty: values.every((value) => !value), error: undefined, value: {type: "card"}};
    }
    card() {
      const of = (name) => (this.inputs[name] ? this.inputs[name].value : "");
      const expiry = /^\s*(\d{1,2})\s*\/?\s*(\d{2}|\d{4})\s*$/.exec(of("expiry")) || [];
      return {number: of("number").replace(/\D/g, ""), exp_month: expiry[1], exp_year: expiry[2], cvc: of("cvc").trim()};
    }
  }

  const elementsOf = (options) => {
    const made = {};
    return strict("elements", {
      options: options || {},
      create(type, given) {
        if (!["payment", "card"].includes(type)) refuse(`the element "${type}"`);
        if (made[type]) throw usageError(`Can only create one Element of type ${type} through one Elements instance.`);
        return (made[type] = new Element(type, given));
      },
      getElement: (type) => made[type] || null,
      update(given) { Object.assign(this.options, given); },
      async fetchUpdates() { return {}; },
      async submit() {
        const element = made.payment || made.card;
        if (!element) throw usageError("elements.submit() needs a mounted element.");
        const error = element.problem();
        return error ? {error} : {selectedPaymentMethod: "card"};
      },
      card: () => made.payment || made.card || null,
    });
  };

  /* The bank's question in a frame; done when the intent has moved on. */
  const ask = async (url, look) => {
    const frame = document.createElement("iframe");
    Object.assign(frame, {src: url, title: "Secure authentication", name: "__privateStripeFrame"});
    frame.style.cssText = "position:fixed;inset:0;width:100%;height:100%;border:0;background:#fff;z-index:2147483647";
    document.body.append(frame);
    try {
      for (;;) {
        const found = await look();
        if (found.error || found.paymentIntent.status !== "requires_action") return found;
        await new Promise((done) => setTimeout(done, 200));
      }
    } finally {
      frame.remove();
    }
  };

  window.Stripe = (key, options) => {
    if (!/^pk_/.test(key || "")) throw usageError("Please call Stripe() with your publishable key. You used an empty string or a secret key.");
    if (options && options.stripeAccount) refuse("connected accounts");

    const call = async (method, path, params) => {
      const form = flatten(params || {}, "", new URLSearchParams());
      const query = method === "GET" && form.size ? `?${form}` : "";
      let answer;
      try {
        answer = await fetch(API + path + query, {
          method, headers: {Authorization: `Bearer ${key}`}, body: method === "GET" ? undefined : form,
        });
      } catch {
        return {error: {type: "api_connection_error", message: "We are experiencing issues connecting to our payments provider. Your payment has not been processed. Please check your internet connection and try again."}};
      }
      const body = await answer.json();
      return answer.ok ? {body} : {error: body.error};
    };
    const intent = (found) => (found.error ? found : {paymentIntent: found.body});
    const retrieve = async (clientSecret) =>
      intent(await call("GET", `payment_intents/${secretOf(clientSecret)}`, {client_secret: clientSecret}));

    const finish = async (found, clientSecret) => {
      if (found.error || found.paymentIntent.status !== "requires_action") return found;
      const action = found.paymentIntent.next_action;
      if (action.type === "redirect_to_url") {
        location.assign(action.redirect_to_url.url);
        return new Promise(() => {});
      }
      const asked = await ask(action.use_stripe_sdk.stripe_js, () => retrieve(clientSecret));
      const failure = asked.paymentIntent && asked.paymentIntent.last_payment_error;
      return failure && asked.paymentIntent.status === "requires_payment_method"
        ? {error: {...failure, payment_intent: asked.paymentIntent}} : asked;
    };
    const confirm = async (clientSecret, params) => {
      const path = `payment_intents/${secretOf(clientSecret)}/confirm`;
      const form = {...params, client_secret: clientSecret, use_stripe_sdk: true};
      return finish(intent(await call("POST", path, form)), clientSecret);
    };
    const cardOf = (element, billing) => {
      const error = element.problem();
      return error ? {error} : {data: {type: "card", card: element.card(), billing_details: billing}};
    };
    const leave = (url, found) => {
      const target = new URL(url, location.href);
      target.searchParams.set("payment_intent", found.paymentIntent.id);
      target.searchParams.set("payment_intent_client_secret", found.paymentIntent.client_secret);
      target.searchParams.set("redirect_status", "succeeded");
      location.assign(target.href);
      return new Promise(() => {});
    };

    return strict("stripe", {
      elements: (given) => elementsOf(given),
      retrievePaymentIntent: retrieve,
      async confirmPayment({elements, clientSecret, confirmParams = {}, redirect = "always"}) {
        const secret = clientSecret || (elements && elements.options.clientSecret);
        const {return_url: back, ...params} = confirmParams;
        if (confirmParams.confirmation_token) refuse("confirmation tokens");
        if (redirect !== "if_required" && !back) throw usageError("confirmPayment(): the `return_url` parameter is required when `redirect` is not `if_required`.");
        const element = elements && elements.card();
        if (element && !params.payment_method) {
          const read = cardOf(element, (params.payment_method_data || {}).billing_details);
          if (read.error) return read;
          params.payment_method_data = read.data;
        }
        const found = await confirm(secret, {...params, return_url: back && new URL(back, location.href).href});
        return found.error || redirect === "if_required" ? found : leave(back, found);
      },
      async confirmCardPayment(clientSecret, data = {}, settings = {}) {
        const {payment_method: method, ...params} = data;
        if (method && typeof method === "object") {
          const {card, billing_details: billing, ...rest} = method;
          const read = card instanceof Element ? cardOf(card, billing) : {data: {type: "card", card, billing_details: billing, ...rest}};
          if (read.error) return read;
          params.payment_method_data = read.data;
        } else if (method) {
          params.payment_method = method;
        }
        if (settings.handleActions !== false) return confirm(clientSecret, params);
        const form = {...params, client_secret: clientSecret, use_stripe_sdk: true};
        return intent(await call("POST", `payment_intents/${secretOf(clientSecret)}/confirm`, form));
      },
      async createPaymentMethod({type, card, elements, params = {}, billing_details: billing}) {
        const element = card instanceof Element ? card : elements && elements.card();
        if (type && type !== "card") refuse(`payment methods of type "${type}"`);
        const read = element ? cardOf(element, billing || params.billing_details)
          : {data: {type: "card", card, billing_details: billing}};
        if (read.error) return read;
        const found = await call("POST", "payment_methods", read.data);
        return found.error ? found : {paymentMethod: found.body};
      },
      async handleNextAction({clientSecret}) { return finish(await retrieve(clientSecret), clientSecret); },
      async handleCardAction(clientSecret) { return finish(await retrieve(clientSecret), clientSecret); },
    });
  };
  window.Stripe.version = "sandbox";
})();
