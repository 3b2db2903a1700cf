// Sign-in through a provider: there and back, a no, a reload, signing out, and the same account the next time.

import assert from "node:assert/strict";
import { startProvider } from "../provider.mjs";

export const title = "sign-in through a provider: yes and no, a reload, signing out, the same account again";

export async function run({ open }) {
  assert.ok(process.env.OIDC_PORT, "OIDC_PORT: where the node looks for its provider");
  const provider = await startProvider(Number(process.env.OIDC_PORT), "ann");
  try {
    const ann = await open({ name: "member", besides: [provider.host] });
    const { page } = ann;
    await page.goto("/");
    await signIn(page, "No");
    await page.getByRole("alert").getByText("You did not sign in.").waitFor();
    assert.equal(await page.locator(".who").count(), 0);
    await ann.shot("1-refused");
    await signIn(page, "Yes");
    const name = await page.locator(".who").textContent({ timeout: 10_000 });
    assert.equal(new URL(page.url()).hash + new URL(page.url()).search, "", "nothing is left in the address");
    assert.equal(await page.locator("#name").inputValue(), name);
    await ann.shot("2-signed-in");
    await page.reload();
    await page.locator('[data-test="sign-out"]').waitFor();
    assert.equal(await page.locator(".who").textContent(), name);
    await page.locator('[data-test="sign-out"]').click();
    await page.locator('[data-test="sign-in"]').waitFor();
    assert.equal(await page.evaluate(() => localStorage.getItem("playhouse.identity")), null);
    await signIn(page, "Yes");
    await page.locator('[data-test="sign-out"]').waitFor();
    assert.equal(await page.locator(".who").textContent(), name, "the same account");
    await korean(await open({ name: "member-ko", lang: "ko-KR", width: 390, height: 844 }));
  } finally {
    provider.stop();
  }
}

async function signIn(page, answer) {
  await page.getByRole("button", { name: "Sign in with the club" }).click();
  await page.getByRole("link", { name: answer, exact: true }).click();
}

async function korean(visitor) {
  await visitor.page.goto("/");
  await visitor.page.getByRole("button", { name: "the club(으)로 로그인" }).waitFor();
  await visitor.shot("1-landing");
}
