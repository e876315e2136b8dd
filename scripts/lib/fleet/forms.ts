import { z } from 'zod'

// What a document says is only believed in these forms: nobody's text becomes a path, an option or an escape sequence.

/** The id of a commit, with whether its tree had changes. */
export const ReleaseId = z.string().regex(/^[0-9a-f]{40}(-dirty)?$/)
export const AmiId = z.string().regex(/^ami-[0-9a-f]{8,17}$/)
/** In hexadecimal. */
export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/)
/** The name of an Auto Scaling group as Terraform makes them. */
export const GroupName = z.string().regex(/^[A-Za-z0-9][\w.-]{0,254}$/)
export const Timestamp = z.string().regex(/^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z)?$/)

/** `text` if it has the form, otherwise undefined. */
export const inForm = (form: z.ZodString, text: string | undefined): string | undefined =>
  form.safeParse(text).data
