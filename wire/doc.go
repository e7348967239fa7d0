// Package wire is both ends of HTTP: the mux with its rules, the guard against
// web pages that reach for a local Hub, JSON bodies, errors and the statuses
// they become, streams, and the server that ends them all in good order. What
// a route does it leaves to the roles, who calls to auth.
package wire
