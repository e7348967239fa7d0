package hub

import (
	"encoding/json"
	"time"

	"waverider"
	"waverider/hub/journal"
)

// The shapes of the REST API. Fields Scramjet has come first, in its names;
// the others are Waverider's own.

// sequenceView is GET /sequence/:id.
type sequenceView struct {
	ID        waverider.SequenceID   `json:"id"`
	Config    json.RawMessage        `json:"config"`
	Location  string                 `json:"location"`
	Instances []waverider.InstanceID `json:"instances"`
	Name      string                 `json:"name,omitempty"`
	Revision  int                    `json:"revision"`
	Revisions []revisionView         `json:"revisions"`
	Created   time.Time              `json:"created"`
}

type revisionView struct {
	Number  int              `json:"number"`
	Version string           `json:"version,omitempty"`
	Digest  waverider.Digest `json:"digest"`
	Size    int64            `json:"size"`
	Created time.Time        `json:"created"`
}

// sequenceRef is the Sequence inside an Instance object.
type sequenceRef struct {
	ID       waverider.SequenceID `json:"id"`
	Config   json.RawMessage      `json:"config"`
	Name     string               `json:"name,omitempty"`
	Location string               `json:"location"`
}

// sequenceConfig is the config object of a Sequence.
type sequenceConfig struct {
	Type           string               `json:"type"`
	Engines        map[string]string    `json:"engines"`
	EntrypointPath string               `json:"entrypointPath"`
	Version        string               `json:"version"`
	Name           string               `json:"name"`
	ID             waverider.SequenceID `json:"id"`
	SequenceDir    string               `json:"sequenceDir"`
	Description    string               `json:"description,omitempty"`
	Author         string               `json:"author,omitempty"`
	Keywords       []string             `json:"keywords,omitempty"`
	Args           []json.RawMessage    `json:"args,omitempty"`
	Repository     json.RawMessage      `json:"repository,omitempty"`
	Language       string               `json:"language"`
	PackageSize    int64                `json:"packageSize"`
	Digest         waverider.Digest     `json:"digest"`
}

// shortLanguage are Scramjet's names of languages.
var shortLanguage = map[string]string{waverider.LanguageNode: "js", waverider.LanguagePython: "py"}

func (h *Hub) configObject(seq *waverider.Sequence, rev *waverider.Revision) json.RawMessage {
	m := rev.Manifest
	language, _ := m.Language()
	engines := m.Engines
	if engines == nil {
		engines = map[string]string{}
	}
	data, err := json.Marshal(sequenceConfig{
		Type: "process", Engines: engines, EntrypointPath: m.Main, Version: m.Version, Name: m.Name,
		ID: seq.ID, SequenceDir: h.cfg.DataDir.Path("packages"), Description: m.Description, Author: m.Author, Keywords: m.Keywords,
		Args: m.Args, Repository: m.Repository, Language: shortLanguage[language], PackageSize: rev.Size, Digest: rev.Digest,
	})
	if err != nil {
		h.log.Error("config of a Sequence", "sequence", seq.ID, "err", err)
		return json.RawMessage("{}")
	}
	return data
}

func (h *Hub) viewSequence(s *waverider.Sequence) sequenceView {
	v := sequenceView{ID: s.ID, Config: h.configObject(s, s.Newest()), Location: h.location(), Name: s.Name,
		Instances: idsOf(h.instancesOf(s.ID, false)), Revision: s.Newest().Number, Created: s.Created}
	for _, r := range s.Revisions {
		v.Revisions = append(v.Revisions, revisionView{r.Number, r.Manifest.Version, r.Digest, r.Size, r.Created})
	}
	return v
}

// instanceView is GET /instance/:id.
type instanceView struct {
	ID          waverider.InstanceID    `json:"id"`
	AppConfig   json.RawMessage         `json:"appConfig,omitempty"`
	Args        json.RawMessage         `json:"args,omitempty"`
	Provides    string                  `json:"provides"`
	Requires    string                  `json:"requires,omitempty"`
	Sequence    sequenceRef             `json:"sequence"`
	Created     time.Time               `json:"created,omitzero"`
	Started     time.Time               `json:"started,omitzero"`
	Ended       time.Time               `json:"ended,omitzero"`
	Status      waverider.Status        `json:"status"`
	Terminated  *waverider.Terminated   `json:"terminated,omitempty"`
	Error       string                  `json:"error,omitempty"`
	Revision    int                     `json:"revision"`
	Restart     waverider.RestartPolicy `json:"restart"`
	Restarts    int                     `json:"restarts"`
	Epoch       int                     `json:"epoch"`
	Limits      waverider.Limits        `json:"limits,omitzero"`
	InputTopic  string                  `json:"inputTopic,omitempty"`
	OutputTopic string                  `json:"outputTopic,omitempty"`
	InputType   string                  `json:"inputType,omitempty"`
	OutputType  string                  `json:"outputType,omitempty"`
	Ack         waverider.Ack           `json:"ack,omitempty"`
	ReadAhead   int                     `json:"readAhead,omitempty"`
	Input       streamView              `json:"input"`
	Output      streamView              `json:"output"`
	Sandbox     any                     `json:"sandbox,omitempty"`
}

// streamView tells where a stream stands, in bytes.
type streamView struct {
	Offset      uint64 `json:"offset"` // input: bytes the program has; output: the next byte a reader gets
	ContentType string `json:"contentType,omitempty"`
	Ended       bool   `json:"ended,omitempty"`
}

// view is the Instance as the API shows it.
func (in *Instance) view() instanceView {
	in.mu.Lock()
	rec, proc := in.rec, in.proc
	in.mu.Unlock()
	v := viewRecord(rec, in.hub.location())
	v.Input.Offset, v.Output.Offset = in.lastInput(), in.out.position()
	if proc != nil {
		v.Input.Ended = proc.Session().Input().Ended()
		v.Sandbox = proc.Applied()
	}
	return v
}

func viewRecord(rec journal.Instance, location string) instanceView {
	return instanceView{
		ID: rec.ID, AppConfig: rec.Request.AppConfig, Args: rec.Request.Args,
		Provides: string(outputTopic(rec)), Requires: string(inputTopic(rec)),
		Sequence: sequenceRef{rec.Sequence, rec.Package, rec.Name, location},
		Created:  rec.Times.Created, Started: rec.Times.Started, Ended: rec.Times.Ended,
		Status: rec.Status, Terminated: rec.End, Error: rec.Error, Revision: rec.Revision,
		Restart: rec.Policy, Restarts: rec.Restarts, Epoch: rec.Epoch, Limits: rec.Request.Limits,
		InputTopic: rec.Request.InputTopic, OutputTopic: rec.Request.OutputTopic,
		InputType: rec.Request.InputType, OutputType: rec.Request.OutputType, Ack: rec.Request.Ack, ReadAhead: rec.Request.ReadAhead,
		Input:  streamView{ContentType: rec.Declared.InputType},
		Output: streamView{ContentType: rec.Declared.ProvidesType},
	}
}
