package demo

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"waverider"
	"waverider/client"
)

//go:embed all:sequences
var sequences embed.FS

// program is one of the three.
type program struct {
	name   string
	on     int                 // the place of its Hub
	reads  waverider.TopicName // "" of the first
	writes waverider.TopicName
	topics bool // the start names them; otherwise the code does
	config any
	args   []any
	id     string
}

func programs() []program {
	pointers := make([]string, len(figures))
	for i, f := range figures {
		pointers[i] = f.pointer
	}
	type rule struct {
		Above    float64 `json:"above"`
		Below    float64 `json:"below"`
		OverMean bool    `json:"overMean"`
	}
	return []program{
		{name: "machine-figures", on: edge, writes: figuresTopic, topics: true, args: []any{measureEvery.Milliseconds()}},
		{name: "rolling-stats", on: cloud, reads: figuresTopic, writes: statsTopic, topics: true, config: map[string]any{
			"windowSeconds":    windowSeconds,
			"smoothingSeconds": smoothingSeconds,
			"figures":          pointers,
			"carry":            []string{"/run", "/n"},
		}},
		{name: "alerts", on: cloud, reads: statsTopic, writes: alertsTopic, config: map[string]any{"rules": map[string]rule{
			"/cpu/busy":     {Above: 0.2, Below: 0.1, OverMean: true},
			"/memory/share": {Above: 0.9, Below: 0.85},
			"/disk/share":   {Above: 0.95, Below: 0.93},
		}}},
	}
}

// request is what the program is started with.
func (p program) request() (req waverider.StartRequest, err error) {
	if p.topics {
		req.InputTopic, req.OutputTopic = string(p.reads), string(p.writes)
	}
	if p.config != nil {
		req.AppConfig, err = json.Marshal(p.config)
	}
	if err == nil && p.args != nil {
		req.Args, err = json.Marshal(p.args)
	}
	return req, err
}

// deploy starts the programs. In which order does not matter: a Topic keeps
// what its readers have not had.
func deploy(ctx context.Context, m *mesh) (list []program, err error) {
	list = programs()
	for i, p := range list {
		req, err := p.request()
		if err != nil {
			return nil, err
		}
		if list[i].id, err = start(ctx, m.places[p.on].api, m.dir, p.name, req); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// start gives a Sequence to the Hub and starts it.
func start(ctx context.Context, c *client.Client, dir, name string, req waverider.StartRequest) (string, error) {
	source, err := unfold(dir, name)
	if err != nil {
		return "", err
	}
	var packed bytes.Buffer
	if _, err := client.Pack(ctx, source, &packed, client.PackOptions{}); err != nil {
		return "", fmt.Errorf("pack %s: %w", name, err)
	}
	sequence, err := c.SendSequence(ctx, client.Package{Body: &packed, Size: int64(packed.Len())})
	if err != nil {
		return "", fmt.Errorf("send %s: %w", name, err)
	}
	id, err := c.StartSequence(ctx, string(sequence), req)
	if err != nil {
		return "", fmt.Errorf("start %s: %w", name, err)
	}
	return string(id), nil
}

// unfold writes an embedded Sequence below dir.
func unfold(dir, name string) (string, error) {
	files, err := fs.Sub(sequences, path.Join("sequences", name))
	if err != nil {
		return "", err
	}
	into := filepath.Join(dir, name)
	if err := os.CopyFS(into, files); err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	return into, nil
}
