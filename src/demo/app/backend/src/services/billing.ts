import { createHmac, timingSafeEqual } from 'node:crypto';

/** Keys of the payment provider's metadata; renaming one would lose every running subscription. */
export type StripeEvent = { type: string; plan: string; metadata: { organization_id: string } };

export async function checkoutFor(orgId: string, plan: string): Promise<string> {
  const metadata = { organization_id: orgId };
  const query = new URLSearchParams({ plan, 'metadata[organization_id]': metadata.organization_id });
  return `https://checkout.stripe.com/pay?${query}`;
}

/** The event, if the payment provider signed it. */
export function readEvent(body: string, signature: string | undefined): StripeEvent | null {
  const secret = process.env.STRIPE_WEBHOOK_SECRET;
  if (!secret || !signature) return null;
  const expected = createHmac('sha256', secret).update(body).digest();
  const given = Buffer.from(signature, 'hex');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  return JSON.parse(body);
}

export function organizationOf(event: StripeEvent): string {
  return event.metadata.organization_id;
}
