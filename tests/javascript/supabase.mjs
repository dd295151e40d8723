// Sign-up, confirmation by the token of the letter, sign-in, refresh, a forgotten password, sign-out.
import {AuthClient} from "@supabase/auth-js";

const [base, key] = process.argv.slice(2);
const auth = new AuthClient({
  url: `${base}/supabase/auth/v1`, headers: {apikey: key, Authorization: `Bearer ${key}`},
  persistSession: false, autoRefreshToken: false,
});
const email = "ada@example.com", password = "correct horse battery", result = {};
const token = async () => {
  const mails = await (await fetch(`${base}/_/mailbox`)).json();
  return /token=([^&"]+)/.exec(mails.at(-1).html)[1];
};

const signed = await auth.signUp({email, password, options: {data: {name: "Ada"}}});
result.signUp = [signed.error, signed.data.session];
result.early = (await auth.signInWithPassword({email, password})).error.code;
const verified = await auth.verifyOtp({type: "signup", token_hash: await token()});
result.verified = [verified.error, verified.data.user.email];
const session = (await auth.signInWithPassword({email, password})).data.session;
result.user = (await auth.getUser()).data.user.user_metadata.name;
const fresh = await auth.refreshSession(session);
result.refreshed = [fresh.error, fresh.data.session.refresh_token !== session.refresh_token];
result.recovery = (await auth.resetPasswordForEmail(email)).error;
await auth.verifyOtp({type: "recovery", token_hash: await token()});
result.changed = (await auth.updateUser({password: "four words keep better"})).error;
result.signedOut = (await auth.signOut()).error;
result.old = (await auth.signInWithPassword({email, password})).error.code;
console.log(JSON.stringify(result));
