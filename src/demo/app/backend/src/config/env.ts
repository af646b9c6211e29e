export const env = {
  port: Number(process.env.PORT ?? 3001),
  supabaseUrl: process.env.SUPABASE_URL,
  serviceRoleKey: process.env.SUPABASE_SERVICE_ROLE_KEY,
  jwtSecret: process.env.SUPABASE_JWT_SECRET,
  corsOrigin: process.env.CORS_ORIGIN ?? 'http://localhost:3000',
  isDevelopment: process.env.NODE_ENV === 'development',
  googleClientId: process.env.GOOGLE_CLIENT_ID,
  publicUrl: process.env.PUBLIC_URL ?? 'http://localhost:3001',
};

/** Who acts when no person does, in the log. */
export const SYSTEM_USER = '3f2c8b61-94d7-4a0e-b5c3-6e1d7f8a9c20';

/** The clinic that the demo line on the website books into. */
export const DEMO_CLINIC = '7c0de0a1-1f6b-4b52-9a53-2f0c7d1e9b01';
