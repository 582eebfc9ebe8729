//go:build argo4

package main

import (
	"context"
	"fmt"
	"io"

	apierr "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	wfv1 "github.com/argoproj/argo-workflows/v4/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v4/util/logging"
	"github.com/argoproj/argo-workflows/v4/workflow/common"
	"github.com/argoproj/argo-workflows/v4/workflow/validate"
)

type templates map[string]*wfv1.WorkflowTemplate

func (t templates) Get(_ context.Context, name string) (*wfv1.WorkflowTemplate, error) {
	if found, ok := t[name]; ok {
		return found, nil
	}
	return nil, apierr.NewNotFound(schema.GroupResource{Resource: "workflowtemplates"}, name)
}

type clusterTemplates map[string]*wfv1.ClusterWorkflowTemplate

func (t clusterTemplates) Get(_ context.Context, name string) (*wfv1.ClusterWorkflowTemplate, error) {
	if found, ok := t[name]; ok {
		return found, nil
	}
	return nil, apierr.NewNotFound(schema.GroupResource{Resource: "clusterworkflowtemplates"}, name)
}

type world struct {
	ctx     context.Context
	local   templates
	cluster clusterTemplates
}

func newWorld() *world {
	// What matters is in the returned errors; the log goes nowhere.
	quiet := logging.NewSlogLoggerCustom(logging.Error, logging.Text, io.Discard)
	return &world{logging.WithLogger(context.Background(), quiet), templates{}, clusterTemplates{}}
}

func (w *world) parse(text []byte) (func() error, error) {
	found := common.ParseObjects(w.ctx, text, true)
	if len(found) != 1 {
		return nil, fmt.Errorf("not a manifest that Argo reads")
	}
	if found[0].Err != nil {
		return nil, found[0].Err
	}
	options := validate.ValidateOpts{Lint: true}
	switch o := found[0].Object.(type) {
	case *wfv1.Workflow:
		return func() error { return validate.ValidateWorkflow(w.ctx, w.local, w.cluster, o, nil, options) }, nil
	case *wfv1.WorkflowTemplate:
		w.local[o.Name] = o
		return func() error { return validate.ValidateWorkflowTemplate(w.ctx, w.local, w.cluster, o, nil, options) }, nil
	case *wfv1.ClusterWorkflowTemplate:
		w.cluster[o.Name] = o
		return func() error {
			return validate.ValidateClusterWorkflowTemplate(w.ctx, w.local, w.cluster, o, nil, options)
		}, nil
	case *wfv1.CronWorkflow:
		return func() error { return validate.ValidateCronWorkflow(w.ctx, w.local, w.cluster, o, nil) }, nil
	}
	return nil, fmt.Errorf("not a kind that Argo validates")
}
