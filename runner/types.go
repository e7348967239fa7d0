package runner

import _ "embed"

// NodeTypes declares, in TypeScript, what a Node program is given.
//
//go:embed js/types/index.d.ts
var NodeTypes string
