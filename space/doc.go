// Package space is the control plane: it knows the Hubs that have joined, lets
// them in and out, carries calls to their APIs, and gathers and spreads the Topics
// that they share. It never dials a Hub; it answers those who come.
package space
