// Package auth knows who calls and what they may do: the Hub's Ed25519 key,
// the EdDSA JSON web tokens signed with it, the roles in them and the Rule
// that every route carries. It leaves HTTP to wire and the choice whether
// tokens are needed at all to the configuration.
package auth
