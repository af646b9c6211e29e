/**
 * Whether a role's name says that it is over all organizations, as that of the platform's own people: nobody gets it by
 * signing up or by joining, and no synthetic user stands for one.
 */
export const isPlatformRole = (role: string): boolean =>
  /^(?:super|platform|global|system|sys|root|internal|staff[\s_-]*admin|god)(?:$|[\s_-]|(?=admin|user|owner))/i.test(
    role,
  ) || /^(?:saas|app|site|master)[\s_-]*(?:admin|owner|operator)/i.test(role);
