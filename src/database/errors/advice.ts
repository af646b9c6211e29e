/** Where the string of the session pooler is found, in the words of the dashboard. */
export const sessionPoolerAdvice =
  'In the dashboard open Connect and copy the string of the Session pooler (aws-N-REGION.pooler.supabase.com, port 5432)';

/** Hosted Supabase signs with a private authority, so its certificate has to come from the project's own dashboard. */
export const certificateAdvice =
  'Download the certificate in the dashboard (Database, Settings, SSL Configuration, Download certificate) and give its path with --ca, or keep the file prod-ca-*.crt in the workspace';
