package hub

import (
	"encoding/json"
	"path/filepath"

	"waverider"
	"waverider/hub/journal"
	"waverider/runner"
	"waverider/runtime"
)

// spec is what the runtime needs to run rec. The error is that of its package.
func (in *Instance) spec(rec journal.Instance) (runtime.Spec, error) {
	pkg, err := in.hub.packages.Get(rec.Digest)
	manifest := pkg.Manifest
	language, _ := manifest.Language()
	grants := runtime.Grants{Network: true}
	if s := manifest.Waverider.Sandbox; s != nil {
		grants = runtime.Grants{Network: s.Network, Read: s.Read, Write: s.Write}
	}
	grants.Env = in.hub.cfg.Env
	limits := mergeLimits(mergeLimits(rec.Request.Limits, manifest.Waverider.Limits), in.hub.cfg.Limits)
	return runtime.Spec{
		ID: string(rec.ID), Language: language, Package: pkg.Dir, Dir: in.dir, Logs: in.keepDir,
		Limits: limits, Grants: grants,
		LogLimit: in.hub.cfg.LogLimit,
		Start: runner.Start{
			Instance: rec.ID, Sequence: in.hub.sequenceObject(rec), Package: pkg.Dir,
			Main: manifest.Main, Args: argsOf(rec.Request, manifest), Config: rec.Request.AppConfig, Slot: in.dir,
			API:        in.hub.instanceAPI(rec.ID),
			InputTopic: rec.Request.InputTopic, OutputTopic: rec.Request.OutputTopic,
			Limits: rec.Request.Limits, State: in.hub.loadState(rec.ID), Scramjet: in.hub.cfg.Scramjet,
			// Programs for Scramjet find these among the variables of their runner.
			Env: map[string]string{"INSTANCE_ID": string(rec.ID), "SEQUENCE_PATH": filepath.Join(pkg.Dir, manifest.Main)},
		},
	}, err
}

// argsOf are the arguments of a start: the request's, else the package's own.
func argsOf(req waverider.StartRequest, m waverider.Manifest) json.RawMessage {
	if len(req.Args) > 0 {
		return req.Args
	}
	if len(m.Args) == 0 {
		return nil
	}
	data, err := json.Marshal(m.Args)
	if err != nil {
		return nil // they came out of JSON, so they go in again
	}
	return data
}

// mergeLimits takes each limit of a, else of b.
func mergeLimits(a, b waverider.Limits) waverider.Limits {
	setDefault(&a.Memory, b.Memory)
	setDefault(&a.CPU, b.CPU)
	setDefault(&a.PIDs, b.PIDs)
	setDefault(&a.Files, b.Files)
	return a
}
