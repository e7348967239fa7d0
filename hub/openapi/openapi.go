// Package openapi holds the description of the Hub's REST API, an OpenAPI 3.1
// document. What it shares with that of a Space is in topicapi/openapi.
package openapi

import (
	"embed"
	"sync"

	"waverider/topicapi/openapi"
)

//go:embed *.yaml
var files embed.FS

// Document is the description as JSON.
var Document = sync.OnceValues(func() ([]byte, error) { return openapi.Document(files) })
