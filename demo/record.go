package demo

import (
	"time"

	"waverider"
)

const (
	measureEvery     = 200 * time.Millisecond
	windowSeconds    = 30 // what the statistics are over
	smoothingSeconds = 2  // of the value that alerts look at
)

// The Topics, in the order in which records go through them.
const (
	figuresTopic waverider.TopicName = "machine.figures"
	statsTopic   waverider.TopicName = "machine.stats"
	alertsTopic  waverider.TopicName = "machine.alerts"
)

// reading is what the display needs of a record of machine.figures.
type reading struct {
	Run int `json:"run"`
	N   int `json:"n"`
}

// summary is a record of machine.stats.
type summary struct {
	At int64 `json:"at"`
	Of struct {
		Run int `json:"/run"`
		N   int `json:"/n"`
	} `json:"of"`
	Figures map[string]rolled `json:"figures"`
}

// rolled is one figure over the window.
type rolled struct {
	Count int     `json:"count"`
	Last  float64 `json:"last"`
	Mean  float64 `json:"mean"`
	P95   float64 `json:"p95"`
	Max   float64 `json:"max"`
}

// alert is a record of machine.alerts.
type alert struct {
	N      int     `json:"n"`
	At     int64   `json:"at"`
	Figure string  `json:"figure"`
	Raised bool    `json:"raised"`
	Value  float64 `json:"value"`
	Mean   float64 `json:"mean"`
}
