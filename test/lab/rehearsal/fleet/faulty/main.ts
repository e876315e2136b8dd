/** The service, with the fault that FAULT in its environment names: `scripts/build --entry` compiles it for a rehearsal. */
import './fault.ts'
import '../../../../../src/main.ts'
