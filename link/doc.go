// Package link is both ends of the connection between a Hub and its Space: one
// outbound websocket of the Hub, on it many streams in both directions, most of
// which carry plain HTTP.
//
// The Hub dials (Dialer), both sides say who they are and sign it (hello), and
// get a Session. A Session ends when its peer is silent for DeadAfter; Keep
// dials again. What is small goes before what is large (see lane). What the
// streams are for is left to those who open and accept them.
package link
