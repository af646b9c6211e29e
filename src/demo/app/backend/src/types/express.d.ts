export {};

declare global {
  namespace Express {
    interface Request {
      user?: {
        id: string;
        email: string;
        orgId: string;
        role?: string;
      };
      requestId?: string;
    }
  }
}
