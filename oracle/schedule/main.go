// Command schedule answers `windtunnel decide schedule` by upstream's own scheduler: the plugins of a profile, made by the
// framework's exported constructor over a snapshot, run as schedulePod runs them, and preemption by the plugin itself.
//
// Usage: schedule INPUTS ANSWERS, two files of JSON arrays.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"

	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/events"
	tracker "k8s.io/dynamic-resource-allocation/resourceslice/tracker"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	defaults "k8s.io/kubernetes/pkg/apis/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/latest"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/dynamicresources"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
	"k8s.io/kubernetes/pkg/scheduler/util/assumecache"

	"windtunnel/oracle/answers"
)

// input is the envelope of `decide schedule`.
type input struct {
	Pods                 []v1.Pod                       `json:"pods"`
	Nodes                []v1.Node                      `json:"nodes"`
	Scheduled            []v1.Pod                       `json:"scheduled"`
	Configuration        json.RawMessage                `json:"configuration"`
	PodDisruptionBudgets []policyv1.PodDisruptionBudget `json:"podDisruptionBudgets"`
}

type refusal struct {
	Plugin string `json:"plugin"`
	Reason string `json:"reason"`
}

type preemption struct {
	Node    string   `json:"node"`
	Victims []string `json:"victims"`
}

type answer struct {
	// Of the nodes with the highest score any may be chosen.
	Candidates []string                    `json:"candidates"`
	Scores     map[string]map[string]int64 `json:"scores"`
	Filtered   map[string]refusal          `json:"filtered"`
	// Preemption starts its search at random: what came of several tries.
	Preemptions []preemption `json:"preemptions"`
	// Pods that are told to end already: preemption counts them among its victims and deletes nothing.
	Leaving []string `json:"leaving"`
}

func main() {
	metrics.Register()
	answers.Must(utilfeature.DefaultMutableFeatureGate.SetFromMap(map[string]bool{"SchedulerAsyncPreemption": false}))
	answers.Main("schedule", judge)
}

func judge(in *input) any {
	found, err := schedule(in)
	if err != nil {
		return map[string]string{"error": err.Error()}
	}
	return found
}

// profile is the first of a configuration, with upstream's defaults.
func profile(written json.RawMessage) (*config.KubeSchedulerProfile, error) {
	if len(written) == 0 {
		standard, err := latest.Default()
		if err != nil {
			return nil, err
		}
		return &standard.Profiles[0], nil
	}
	text := fmt.Sprintf(`{"apiVersion":"kubescheduler.config.k8s.io/v1","kind":"KubeSchedulerConfiguration","profiles":[%s]}`, written)
	read, _, err := scheme.Codecs.UniversalDecoder().Decode([]byte(text), nil, nil)
	if err != nil {
		return nil, err
	}
	return &read.(*config.KubeSchedulerConfiguration).Profiles[0], nil
}

// whole gives a pod what an API server would.
func whole(pod *v1.Pod, index int) *v1.Pod {
	pod.TypeMeta = metav1.TypeMeta{}
	if pod.Namespace == "" {
		pod.Namespace = "default"
	}
	if pod.UID == "" {
		pod.UID = types.UID(fmt.Sprintf("%s-%d", pod.Name, index))
	}
	defaults.SetObjectDefaults_Pod(pod)
	return pod
}

func schedule(in *input) (*answer, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if len(in.Pods) != 1 {
		return nil, fmt.Errorf("%d pods are pending", len(in.Pods))
	}
	chosen, err := profile(in.Configuration)
	if err != nil {
		return nil, err
	}
	pending := whole(&in.Pods[0], 0)
	objects := []runtime.Object{pending}
	known := map[string]bool{}
	for i := range in.Nodes {
		known[in.Nodes[i].Name] = true
	}
	var bound, nominated []*v1.Pod
	for i := range in.Scheduled {
		pod := whole(&in.Scheduled[i], i+1)
		objects = append(objects, pod)
		if pod.Spec.NodeName != "" {
			if !known[pod.Spec.NodeName] {
				return nil, fmt.Errorf("pod %s is on no node of the input", pod.Name)
			}
			bound = append(bound, pod)
		} else {
			nominated = append(nominated, pod)
		}
	}
	spaces := map[string]bool{}
	for _, object := range objects {
		spaces[object.(*v1.Pod).Namespace] = true
	}
	for name := range spaces {
		labels := map[string]string{"kubernetes.io/metadata.name": name}
		objects = append(objects, &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}})
	}
	nodes := make([]*v1.Node, 0, len(in.Nodes))
	for i := range in.Nodes {
		node := &in.Nodes[i]
		defaults.SetObjectDefaults_Node(node)
		// As `decide` takes a node that says nothing of it.
		if _, told := node.Status.Allocatable[v1.ResourcePods]; !told {
			if node.Status.Allocatable == nil {
				node.Status.Allocatable = v1.ResourceList{}
			}
			node.Status.Allocatable[v1.ResourcePods] = resource.MustParse("110")
		}
		nodes = append(nodes, node)
		objects = append(objects, node)
	}
	for i := range in.PodDisruptionBudgets {
		budget := &in.PodDisruptionBudgets[i]
		if budget.Namespace == "" {
			budget.Namespace = "default"
		}
		objects = append(objects, budget)
	}
	client := fake.NewClientset(objects...)
	factory := informers.NewSharedInformerFactory(client, 0)
	slices, err := tracker.StartTracker(ctx, tracker.Options{SliceInformer: factory.Resource().V1().ResourceSlices(), KubeClient: client})
	if err != nil {
		return nil, err
	}
	claims := assumecache.NewAssumeCache(klog.Background(), factory.Resource().V1().ResourceClaims().Informer(), "claims", "", nil)
	snapshot := cache.NewSnapshot(bound, nodes)
	waiting := nominations{}
	made, err := frameworkruntime.NewFramework(ctx, plugins.NewInTreeRegistry(), chosen,
		frameworkruntime.WithClientSet(client),
		frameworkruntime.WithEventRecorder(&events.FakeRecorder{}),
		frameworkruntime.WithInformerFactory(factory),
		frameworkruntime.WithPodNominator(waiting),
		frameworkruntime.WithSnapshotSharedLister(snapshot),
		frameworkruntime.WithMutableSnapshotLister(snapshot),
		frameworkruntime.WithLogger(klog.Background()),
		frameworkruntime.WithWaitingPods(frameworkruntime.NewWaitingPodsMap()),
		frameworkruntime.WithPodsInPreBind(frameworkruntime.NewPodsInPreBindMap()),
		frameworkruntime.WithSharedDRAManager(dynamicresources.NewDRAManager(ctx, claims, slices, factory)),
		frameworkruntime.WithPodGroupManager(cache.New(ctx, nil, false, false)),
	)
	if err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	for _, pod := range nominated {
		info, err := framework.NewPodInfo(pod)
		if err != nil {
			return nil, err
		}
		waiting[pod.Status.NominatedNodeName] = append(waiting[pod.Status.NominatedNodeName], info)
	}
	found, err := decide(ctx, made, snapshot, pending, client)
	for _, pod := range bound {
		if found != nil && pod.DeletionTimestamp != nil {
			found.Leaving = append(found.Leaving, pod.Name)
		}
	}
	return found, err
}

// nominations are the pods that are promised a node's room, by node. The scheduling queue's own knows only pods that wait in it.
type nominations map[string][]fwk.PodInfo

func (n nominations) AddNominatedPod(klog.Logger, fwk.PodInfo, *fwk.NominatingInfo) {}
func (n nominations) DeleteNominatedPodIfExists(*v1.Pod)                            {}
func (n nominations) UpdateNominatedPod(klog.Logger, *v1.Pod, fwk.PodInfo)          {}
func (n nominations) NominatedPodsForNode(node string) []fwk.PodInfo                { return n[node] }

func decide(ctx context.Context, made framework.Framework, snapshot *cache.Snapshot, pod *v1.Pod, client *fake.Clientset) (*answer, error) {
	state := framework.NewCycleState()
	found := &answer{Scores: map[string]map[string]int64{}, Filtered: map[string]refusal{}}
	all, err := snapshot.NodeInfos().List()
	if err != nil {
		return nil, err
	}
	statuses := framework.NewDefaultNodeToStatus()
	refuse := func(name string, status *fwk.Status) {
		statuses.Set(name, status)
		found.Filtered[name] = refusal{Plugin: status.Plugin(), Reason: status.Message()}
	}
	narrowed, status, by := made.RunPreFilterPlugins(ctx, state, pod)
	var feasible []fwk.NodeInfo
	if !status.IsSuccess() {
		if !status.IsRejected() {
			return nil, status.AsError()
		}
		statuses.SetAbsentNodesStatus(status)
		for _, node := range all {
			found.Filtered[node.Node().Name] = refusal{Plugin: status.Plugin(), Reason: status.Message()}
		}
	} else {
		// A node that it was promised is looked at first, and alone where it fits.
		if promised := pod.Status.NominatedNodeName; promised != "" {
			if node, err := snapshot.NodeInfos().Get(promised); err == nil && made.RunFilterPluginsWithNominatedPods(ctx, state, pod, node).IsSuccess() {
				all, narrowed = []fwk.NodeInfo{node}, nil
			}
		}
		for _, node := range all {
			name := node.Node().Name
			if !narrowed.AllNodes() && !narrowed.NodeNames.Has(name) {
				plugins := by.UnsortedList()
				sort.Strings(plugins)
				found.Filtered[name] = refusal{Plugin: plugins[0], Reason: "narrowed"}
				statuses.SetAbsentNodesStatus(fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "narrowed"))
				continue
			}
			if status := made.RunFilterPluginsWithNominatedPods(ctx, state, pod, node); !status.IsSuccess() {
				if !status.IsRejected() {
					return nil, status.AsError()
				}
				refuse(name, status)
				continue
			}
			feasible = append(feasible, node)
		}
	}
	if len(feasible) == 0 {
		preempt(ctx, made, state, pod, statuses, client, found)
		return found, nil
	}
	if status := made.RunPreScorePlugins(ctx, state, pod, feasible); !status.IsSuccess() {
		return nil, status.AsError()
	}
	scored, status := made.RunScorePlugins(ctx, state, pod, feasible)
	if !status.IsSuccess() {
		return nil, status.AsError()
	}
	best := int64(-1)
	for _, node := range scored {
		parts := map[string]int64{"total": node.TotalScore}
		for _, part := range node.Scores {
			parts[part.Name] = part.Score
		}
		found.Scores[node.Name] = parts
		best = max(best, node.TotalScore)
	}
	for name, parts := range found.Scores {
		if parts["total"] == best {
			found.Candidates = append(found.Candidates, name)
		}
	}
	sort.Strings(found.Candidates)
	return found, nil
}

// tries are as many as show all ends of a search that starts at one of a few nodes, nearly always.
const tries = 12

func preempt(ctx context.Context, made framework.Framework, state fwk.CycleState, pod *v1.Pod, statuses *framework.NodeToStatus, client *fake.Clientset, found *answer) {
	seen := map[string]bool{}
	// Nothing is deleted: each try sees the same cluster.
	client.PrependReactor("delete", "pods", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, nil })
	client.PrependReactor("patch", "pods", func(clienttesting.Action) (bool, runtime.Object, error) { return true, pod, nil })
	for range tries {
		client.ClearActions()
		result, status := made.RunPostFilterPlugins(ctx, state, pod, statuses)
		if !status.IsSuccess() || result == nil || result.NominatedNodeName == "" {
			return
		}
		one := preemption{Node: result.NominatedNodeName, Victims: []string{}}
		for _, action := range client.Actions() {
			if deletion, ok := action.(clienttesting.DeleteAction); ok && action.GetResource().Resource == "pods" {
				one.Victims = append(one.Victims, deletion.GetName())
			}
		}
		sort.Strings(one.Victims)
		if key := fmt.Sprint(one); !seen[key] {
			seen[key] = true
			found.Preemptions = append(found.Preemptions, one)
		}
	}
}
