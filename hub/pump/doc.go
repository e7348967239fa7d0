// Package pump joins the byte streams of a program to Topics: a Feed gives a
// Topic's records to the program's input and acks what the program has
// finished, Drain stores its output as records. Together they see to it that
// what a killed program or Hub leaves behind is taken up where it was.
//
// It knows channels of runners and Topics, and nothing of Instances.
package pump
