import fc from 'fast-check'

// The same examples in each run, so that none fails by chance; at night others.
fc.configureGlobal({ seed: Number(process.env.PROPERTY_SEED ?? 1) })

export default fc
