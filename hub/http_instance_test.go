package hub_test

import (
	"net/http"
	"testing"

	"waverider"
)

// echo reads input and writes it out again until the input ends.
func echo(p *proc) int {
	p.ready()
	p.produces("application/octet-stream")
	if p.Echo() != nil {
		return waverider.ExitKilled
	}
	if p.Drain() != nil {
		return waverider.ExitKilled
	}
	return 0
}

func TestProgramGetsInputAndItsOutputIsRead(t *testing.T) {
	s := newSite(t)
	id := s.run("echo.js", echo, `{}`)
	if got := s.info(id).Status; got != "running" {
		t.Fatalf("status after start: %s", got)
	}
	s.want(http.StatusOK, "POST", "/instance/"+id+"/input", "hello", "Content-Type", "text/plain")
	if out := s.get("/instance/" + id + "/output"); out.body != "hello" || out.header.Get("Waverider-Offset") != "0" {
		t.Errorf("output %q from %s", out.body, out.header.Get("Waverider-Offset"))
	}
	s.ended(id)
	v := s.info(id)
	if v.Status != "completed" || v.Terminated == nil || v.Terminated.ExitCode != 0 || v.Terminated.Reason != "Instance completed" {
		t.Errorf("after the end: %+v", v)
	}
	if v.Input.Offset != 5 || v.Input.ContentType != "text/plain" || v.Output.Offset != 5 {
		t.Errorf("offsets after the end: input %+v, output %+v", v.Input, v.Output)
	}
}
