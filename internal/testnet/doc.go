// Package testnet is networks that fail, for tests and faults on Linux: a Proxy
// puts delay, loss, a rate, cuts and silence between two ends of TCP
// connections, a Lab joins network namespaces by links that can be taken down.
// It knows nothing of what goes over them.
package testnet
