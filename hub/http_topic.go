package hub

import (
	"net/http"

	"waverider"
	"waverider/auth"
	"waverider/topic"
	"waverider/wire"
)

func (h *Hub) topicRoutes(m *wire.Mux) {
	h.api(m, "GET", "/topics", auth.Read, getJSON(h.getTopics))
	h.api(m, "POST", "/topics", auth.Run, h.postTopics)
	h.api(m, "DELETE", "/topics/{name}", auth.Run, h.deleteTopic)
	h.api(m, "GET", "/topic/{name}", auth.Read, h.getTopic)
	h.api(m, "POST", "/topic/{name}", auth.Run, h.postTopic)
}

// topicView is a Topic in a list: what Scramjet shows and more.
type topicView struct {
	ContentType   string `json:"contentType"`
	LocalProvider string `json:"localProvider"`
	Topic         string `json:"topic"`
	TopicName     string `json:"topicName"`
}

func (h *Hub) getTopics(*http.Request) ([]topicView, error) {
	list := []topicView{}
	for _, t := range h.cfg.Topics.Topics() {
		c := t.Config()
		list = append(list, topicView{ContentType: c.ContentType, Topic: string(c.Name), TopicName: string(c.Name)})
	}
	return list, nil
}

func (h *Hub) postTopics(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		ID   string `json:"id"`
		Type string `json:"content-type"`
		waverider.TopicConfig
	}
	if err := readObject(r, &req); err != nil {
		return err
	}
	cfg := req.TopicConfig
	if req.ID == "" {
		return waverider.Errorf(waverider.Invalid, "Missing body param: id")
	}
	if req.Type == "" {
		return waverider.Errorf(waverider.Invalid, "Missing body param: content-type")
	}
	var err error
	if cfg.Name, err = waverider.ParseTopicName(req.ID); err != nil {
		return err
	}
	cfg.ContentType = req.Type
	t, err := h.cfg.Topics.Create(r.Context(), cfg)
	if err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusOK, createdView{ID: cfg.Name, Origin: originView{ID: h.cfg.ID, Type: "hub"},
		State: "flowing", ContentType: t.Config().ContentType})
}

type createdView struct {
	ID          waverider.TopicName `json:"id"`
	Origin      originView          `json:"origin"`
	State       string              `json:"state"`
	ContentType string              `json:"contentType"`
}

type originView struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

func (h *Hub) deleteTopic(w http.ResponseWriter, r *http.Request) error {
	name, err := waverider.ParseTopicName(r.PathValue("name"))
	if err != nil {
		return err
	}
	if err := h.cfg.Topics.Delete(r.Context(), name); err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusOK, map[string]string{"message": "Topic " + string(name) + " removed"})
}

// topicOf finds the Topic of a request, or makes it with the content type that
// the request names.
func (h *Hub) topicOf(r *http.Request, contentType string) (*topic.Topic, error) {
	name, err := waverider.ParseTopicName(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	return h.cfg.Topics.Ensure(r.Context(), waverider.TopicConfig{Name: name, ContentType: contentType})
}
